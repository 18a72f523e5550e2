// What is wanted, as the fragment of the address says it: #browse?model=monkey-chat&status=refused
const OPENED = ["in", "sample"]; // the sample that is open, beside the filters

class Filters {
  constructor(bar) {
    this.controls = new Map([...bar.querySelectorAll("[data-filter]")].map((control) => [control.dataset.filter, control]));
  }

  // Sets the controls; a value that no control offers is reported, never shown: an address is hostile text too.
  show(wanted) {
    const unknown = [];
    for (const [key, control] of this.controls) {
      const value = wanted.get(key) ?? "";
      if (control !== document.activeElement || control.value !== value) control.value = value;
      if (control.value !== value) unknown.push(key);
    }
    return unknown;
  }

  // The controls' values, less those that filter nothing.
  read() {
    return new URLSearchParams([...this.controls].map(([key, control]) => [key, control.value]).filter(([, value]) => value));
  }
}

function wantedOf(hash) {
  const [place, query = ""] = hash.split(/\?(.*)/s);
  return place === "#browse" ? new URLSearchParams(query) : null;
}

function answerTest(samples, wanted) {
  const tests = [];
  const want = (key, test) => { if (wanted.get(key)) tests.push(test(wanted.get(key))); };
  want("status", (value) => (answer) => answer.status === value);
  want("verdict", (value) => (answer) => answer.verdict === value);
  want("contradiction", (value) => (answer) => samples.contradicts(answer.reply) === (value === "yes"));
  want("said", (value) => { const label = samples.labels.indexOf(value); return (answer) => answer.said.includes(label); });
  want("q", (value) => { const words = value.toLowerCase(); return (answer) => samples.spoken(answer.reply).includes(words); });
  want("model", () => () => true); // of its answers, which are looked through then, any will do
  return tests.length ? (answer) => tests.every((test) => test(answer)) : null;
}

// The samples with some answer that fits all filters at once; those of a model are the ones it was to be asked about.
function fitting(samples, wanted) {
  const [dataset, question] = [wanted.get("dataset"), wanted.get("question")];
  const gold = wanted.get("gold") ? samples.labels.indexOf(wanted.get("gold")) : null;
  const model = wanted.get("model") ? samples.models.findIndex(([name]) => name === wanted.get("model")) : null;
  const fits = answerTest(samples, wanted);
  const answersOf = (one) => (model === null ? one.answers : one.answers.filter((answer) => answer.model === model));
  return samples.cases.filter((one) =>
    (!dataset || one.dataset === dataset) && (!question || one.question === question) &&
    (gold === null || one.gold.includes(gold)) && model !== -1 && (!fits || answersOf(one).some(fits)));
}
