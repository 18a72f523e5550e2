// The samples, decoded when they are first wanted. What the arrays hold is written in reports/browse.py.
const VERDICTS = ["none", "right", "wrong", "undefined"];
const SIGNS = { right: "✓", wrong: "✗", undefined: "?" };

async function inflated(base64) {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

class Samples {
  static async read(element) {
    const names = JSON.parse(element.textContent);
    return new Samples(names, await inflated(names.packed));
  }

  constructor(names, rows) {
    Object.assign(this, names, { strings: rows.strings, replies: rows.replies });
    this.cases = rows.cases.map((row) => this.#case(row));
    this.words = [];
  }

  #case([place, id, face, gold, absent, asked, group, answers]) {
    const [question, title, dataset] = this.questions[place];
    return {
      id, question, title, dataset, gold, absent,
      thumb: typeof face === "number" ? this.thumbs[face] : "",
      trouble: typeof face === "number" ? "" : face,
      asked: this.strings[asked],
      group: this.strings[group],
      // A model that was never meant to answer has no row.
      answers: answers.flatMap((row, model) => (row ? [this.#answer(row, model)] : [])),
    };
  }

  #answer([status, verdict, said, reply], model) {
    return { model, status: this.statuses[status], verdict: VERDICTS[verdict], said, reply };
  }

  reply(place) {
    const [pieces, right, wrong, denied, ...beneath] = this.replies[place];
    const [cut, error, against, missed] = beneath.map((string) => this.strings[string]);
    const texts = pieces.map(([text, verdict, says]) =>
      ({ text: this.strings[text], verdict: VERDICTS[verdict], says: this.strings[says] }));
    return { pieces: texts, right, wrong, denied, cut, error, against, missed };
  }

  contradicts(place) {
    return this.reply(place).against !== "";
  }

  named(labels) {
    return labels.map((label) => this.labels[label]).join(", ");
  }

  // An answer in small letters: kept, for all keys of a search look through the same answers.
  spoken(place) {
    return (this.words[place] ??= this.replies[place][0].map(([text]) => this.strings[text]).join("").toLowerCase());
  }
}
