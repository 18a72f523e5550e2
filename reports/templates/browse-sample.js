// One sample in one view. Every text goes in as text: nothing of a run is ever read as HTML.
function put(parent, selector, text, before = "") {
  const element = parent.querySelector(selector);
  element.hidden = !text;
  element.replaceChildren();
  if (before && text) element.append(Object.assign(document.createElement("b"), { textContent: before }), " ");
  element.append(text || "");
  return element;
}

function marked({ text, verdict, says }) {
  if (verdict === "none") return text;
  const mark = Object.assign(document.createElement("mark"), { className: verdict, title: `${says} – ${verdict}` });
  mark.append(text, Object.assign(document.createElement("i"), { textContent: `\u2060${SIGNS[verdict]}` }));
  return mark;
}

class SampleView {
  constructor(dialog, template, samples, actions) {
    Object.assign(this, { dialog, template, samples });
    dialog.querySelector(".previous").addEventListener("click", () => actions.step(-1));
    dialog.querySelector(".next").addEventListener("click", () => actions.step(1));
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => actions.closed()); // Esc closes a dialog by itself
    dialog.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step && !event.altKey) { event.preventDefault(); actions.step(step); }
    });
  }

  show(one, place, count, only) {
    put(this.dialog, "h3", `${one.title} · ${one.id}`);
    put(this.dialog, ".place", place < 0 ? "not among the filtered" : `${place + 1} of ${count}`);
    this.dialog.querySelector(".previous").disabled = place <= 0;
    this.dialog.querySelector(".next").disabled = place < 0 || place + 1 >= count;
    this.#about(one);
    const replies = one.answers.map((answer) => this.#reply(answer, only));
    this.dialog.querySelector(".replies").replaceChildren(...replies);
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.scrollTop = 0;
  }

  #about(one) {
    const gold = this.samples.named(one.gold) || "nothing present";
    const picture = this.dialog.querySelector("img");
    picture.hidden = !one.thumb;
    if (one.thumb) picture.src = one.thumb;
    picture.alt = `Sample ${one.id}, ${one.title}; gold: ${gold}`;
    put(this.dialog, ".noimage", one.trouble);
    put(this.dialog, ".gold", one.absent ? `${gold} (and ${one.absent} absent)` : gold);
    put(this.dialog, ".group", one.group);
    this.dialog.querySelector(".group").previousElementSibling.hidden = !one.group;
    put(this.dialog, ".asked", one.asked);
  }

  #reply(answer, only) {
    const item = this.template.content.firstElementChild.cloneNode(true);
    const [name, colour] = this.samples.models[answer.model];
    const reply = this.samples.reply(answer.reply);
    item.classList.toggle("only", name === only);
    item.querySelector(".model i").style.background = colour;
    put(item, ".name", name);
    this.#verdict(item, answer, reply);
    item.querySelector(".answer").replaceChildren(...reply.pieces.map(marked));
    if (!reply.pieces.length) put(item, ".answer", ["failed", "not asked"].includes(answer.status) ? "" : "(the answer is empty)");
    put(item, ".cut", reply.cut && `✂ ${reply.cut}`);
    put(item, ".error", reply.error);
    put(item, ".against", reply.against, "Contradiction");
    put(item, ".said", this.samples.named(answer.said), "Read as");
    put(item, ".denied", this.samples.named(reply.denied), "Denied");
    put(item, ".missed", reply.missed, "Missed");
    return item;
  }

  #verdict(item, { status, verdict }, { right, wrong }) {
    const badge = put(item, ".badge", status === "parsed" ? "" : status);
    badge.classList.add(`s-${status.replaceAll(" ", "-")}`);
    put(item, ".tally .right", right && `✓ ${right}`);
    put(item, ".tally .wrong", wrong && `✗ ${wrong}`);
    const read = put(item, ".read", verdict in SIGNS && !right && !wrong && `${SIGNS[verdict]} ${verdict}`);
    read.classList.add(verdict);
  }
}
