// Thumbnails in rows, of which only those in sight are in the document: thousands scroll like a dozen.
const TILE = { width: 116, height: 152 }; // as in browse.css
const MARGIN = 2; // rows above and below what is in sight

class Grid {
  #tiles = new Map();
  #frame = 0;

  constructor(list, label, open) {
    Object.assign(this, { list, label, open, items: [], active: 0, columns: 1 });
    this.spacer = document.createElement("li");
    this.spacer.className = "spacer";
    this.spacer.setAttribute("role", "presentation");
    list.addEventListener("scroll", () => this.#later());
    list.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("click", (event) => this.#click(event));
    new ResizeObserver(() => this.#later()).observe(list);
  }

  show(items) {
    Object.assign(this, { items, active: 0 });
    this.#tiles.clear();
    this.list.replaceChildren(this.spacer);
    this.list.scrollTop = 0;
    this.#draw();
  }

  select(place) {
    this.active = Math.max(0, Math.min(this.items.length - 1, place));
    const top = Math.floor(this.active / this.columns) * TILE.height;
    const { scrollTop, clientHeight } = this.list;
    if (top < scrollTop) this.list.scrollTop = top;
    if (top + TILE.height > scrollTop + clientHeight) this.list.scrollTop = top + TILE.height - clientHeight;
    this.#draw();
  }

  #later() {
    this.#frame ||= requestAnimationFrame(() => { this.#frame = 0; this.#draw(); });
  }

  #draw() {
    this.columns = Math.max(1, Math.floor(this.list.clientWidth / TILE.width));
    const rows = Math.ceil(this.items.length / this.columns);
    this.spacer.style.height = `${rows * TILE.height}px`;
    const top = Math.floor(this.list.scrollTop / TILE.height) - MARGIN;
    const bottom = Math.ceil((this.list.scrollTop + this.list.clientHeight) / TILE.height) + MARGIN;
    const [first, last] = [Math.max(0, top * this.columns), Math.min(this.items.length, bottom * this.columns)];
    for (const [place, tile] of this.#tiles) {
      if (place < first || place >= last) { tile.remove(); this.#tiles.delete(place); }
    }
    for (let place = first; place < last; place += 1) this.#put(place);
    this.#mark();
  }

  #put(place) {
    if (!this.#tiles.has(place)) {
      const tile = this.#tile(place);
      this.#tiles.set(place, tile);
      this.list.append(tile);
    }
    const [row, column] = [Math.floor(place / this.columns), place % this.columns];
    this.#tiles.get(place).style.transform = `translate(${column * TILE.width}px, ${row * TILE.height}px)`;
  }

  #tile(place) {
    const tile = document.createElement("li");
    tile.id = `tile-${place}`;
    tile.dataset.place = place;
    tile.setAttribute("role", "option");
    tile.setAttribute("aria-setsize", this.items.length);
    tile.setAttribute("aria-posinset", place + 1);
    const { thumb, alt, lines } = this.label(this.items[place]);
    const picture = document.createElement(thumb ? "img" : "b");
    if (thumb) Object.assign(picture, { src: thumb, alt, decoding: "async" });
    else picture.textContent = "no picture";
    tile.append(picture, ...lines.map((line) => Object.assign(document.createElement("small"), { textContent: line })));
    return tile;
  }

  #mark() {
    for (const [place, tile] of this.#tiles) tile.setAttribute("aria-selected", place === this.active);
    if (this.items.length) this.list.setAttribute("aria-activedescendant", `tile-${this.active}`);
    else this.list.removeAttribute("aria-activedescendant");
  }

  #key(event) {
    const page = Math.max(1, Math.floor(this.list.clientHeight / TILE.height)) * this.columns;
    const steps = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns,
      PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity,
    };
    if (event.ctrlKey || event.altKey || event.metaKey || !this.items.length) return;
    if (event.key in steps) this.select(this.active + steps[event.key]);
    else if (event.key === "Enter" || event.key === " ") this.open(this.active);
    else return;
    event.preventDefault();
  }

  #click(event) {
    const tile = event.target.closest("[role=option]");
    if (!tile) return;
    this.select(Number(tile.dataset.place));
    this.open(this.active);
  }
}
