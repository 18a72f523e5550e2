// The sample browser: the address says what is shown, and all that a reader does only changes the address.
const TYPING = 150; // milliseconds without a key before a search
const SETTLING = 4; // frames until what lies above has its height

class Browser {
  #opener = false; // whether the entry of the history that opened the sample is our own

  constructor(section, samples) {
    Object.assign(this, { section, samples, shown: [], filtered: null });
    const find = (selector) => section.querySelector(selector);
    this.list = find(".tiles");
    this.count = find("output");
    this.filters = new Filters(find(".filters"));
    this.grid = new Grid(this.list, (one) => this.#label(one), (place) => this.#open(place));
    const actions = { step: (by) => this.#step(by), closed: () => this.#closed() };
    this.view = new SampleView(find("dialog"), find("template"), samples, actions);
    this.#listen(find(".clear"));
  }

  #listen(clear) {
    clear.addEventListener("click", () => this.#go(new URLSearchParams()));
    for (const [key, control] of this.filters.controls) {
      if (key === "q") control.addEventListener("input", () => this.#typed());
      else control.addEventListener("change", () => this.#go(this.filters.read()));
    }
  }

  #typed() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.#go(this.filters.read(), true), TYPING);
  }

  // Follows the address: sets the filters, and opens or closes a sample.
  follow(wanted) {
    const filters = new URLSearchParams([...wanted].filter(([key]) => !OPENED.includes(key)));
    const unknown = this.filters.show(filters);
    if (filters.toString() !== this.filtered) this.#filter(filters, unknown);
    const one = wanted.has("sample") ? this.#named(wanted) : null;
    if (one) this.#show(one, filters.get("model"));
    else if (this.view.dialog.open) this.view.dialog.close();
  }

  search() {
    if (!this.view.dialog.open) this.filters.controls.get("q").focus();
  }

  leave() {
    this.view.dialog.close();
  }

  #filter(filters, unknown) {
    this.filtered = filters.toString();
    this.shown = fitting(this.samples, filters);
    this.only = filters.get("model");
    this.grid.show(this.shown);
    const found = `${this.shown.length.toLocaleString("en")} of ${this.samples.cases.length.toLocaleString("en")} samples`;
    const sorry = unknown.map((key) => ` The address names a ${key} that is not in this page.`).join("");
    this.count.textContent = found + sorry;
  }

  #named(wanted) {
    return this.samples.cases.find((one) => one.question === wanted.get("in") && one.id === wanted.get("sample"));
  }

  #show(one, only) {
    this.one = one;
    const place = this.shown.indexOf(one);
    if (place >= 0) this.grid.select(place);
    this.view.show(one, place, this.shown.length, only);
  }

  #label(one) {
    const judged = this.#answers(one).filter(({ verdict }) => verdict === "right" || verdict === "wrong");
    const right = judged.filter(({ verdict }) => verdict === "right").length;
    const tally = judged.length ? `${right} of ${judged.length} right` : "no verdict";
    return { thumb: one.thumb, alt: `Sample ${one.id}`, lines: [one.title, tally] };
  }

  #answers(one) {
    const model = this.samples.models.findIndex(([name]) => name === this.only);
    return model < 0 ? one.answers : one.answers.filter((answer) => answer.model === model);
  }

  #open(place) {
    this.#opener = true;
    this.#go(this.#opened(place));
  }

  // From a sample that a link opened, and that the filters leave out, there is no next one.
  #step(by) {
    const place = this.shown.indexOf(this.one) + by;
    if (this.shown.includes(this.one) && place >= 0 && place < this.shown.length) this.#go(this.#opened(place), true);
  }

  #opened(place) {
    const { question, id } = this.shown[place];
    const wanted = new URLSearchParams(this.filtered);
    wanted.set("in", question);
    wanted.set("sample", id);
    return wanted;
  }

  // Back to the entry before ours, so that Back does not open the sample again; a link from elsewhere has none.
  #closed() {
    if (wantedOf(location.hash)?.has("sample")) {
      if (this.#opener) history.back();
      else this.#go(new URLSearchParams(this.filtered), true);
    }
    this.#opener = false;
    this.list.focus({ preventScroll: true });
  }

  #go(wanted, instead = false) {
    const hash = `#browse?${wanted}`;
    if (instead) location.replace(hash);
    else location.hash = hash;
  }
}

for (const section of document.querySelectorAll("#browse")) {
  // In their place at once, though empty, so that nothing moves when the samples are read.
  for (const part of section.querySelectorAll(":scope > [hidden]")) part.hidden = false;
  let browser;
  const start = () =>
    (browser ??= Samples.read(section.querySelector("#browse-data")).then((samples) => new Browser(section, samples)));
  const follow = async () => (await start()).follow(wantedOf(location.hash) ?? new URLSearchParams());
  const arrive = async () => {
    section.scrollIntoView();
    await follow();
    // Cards and tables above take their true height only when they are near: look again where the section is now.
    for (let frame = 0; frame < SETTLING; frame += 1) await new Promise(requestAnimationFrame);
    section.scrollIntoView();
  };

  document.addEventListener("click", (event) => { if (event.target.closest?.("a[href^='#browse']")) arrive(); });
  document.addEventListener("keydown", async (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest?.("input, select, textarea")) return;
    event.preventDefault();
    if (!browser) await follow();
    (await browser).search();
  });
  addEventListener("hashchange", async () => {
    const { top, bottom } = section.getBoundingClientRect();
    if (!wantedOf(location.hash)) (await browser)?.leave();
    else if (bottom < 0 || top > innerHeight) arrive();
    else follow();
  });
  if (wantedOf(location.hash)) arrive();
  else {
    // Whoever only reads the tables never waits for the samples.
    const near = new IntersectionObserver((seen) => {
      if (!seen.some((entry) => entry.isIntersecting)) return;
      near.disconnect();
      follow();
    }, { rootMargin: "1000px" });
    near.observe(section);
  }
}
