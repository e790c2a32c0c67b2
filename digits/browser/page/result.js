// What was read: digits as buttons, boxes on the paper, guesses; and the right reading,
// as somebody types it: digits, a space between two numbers, / between rows.

const DOUBTFUL = 0.9; // confidence below which a digit is shown as doubtful
const SVG = "http://www.w3.org/2000/svg";

export class Result {
  // onChange: called when the right reading was changed.
  constructor(onChange) {
    const find = (id) => document.getElementById(id);
    this.output = find("reading");
    this.list = find("digits");
    this.boxes = find("boxes");
    this.details = find("details");
    this.guesses = find("guesses");
    this.seen = find("seen");
    this.correction = find("correction");
    this.typed = find("typed");
    this.typed.addEventListener("input", onChange);
    this.clear("Nothing yet");
  }

  clear(text) {
    this.digits = [];
    this.output.textContent = text;
    this.list.replaceChildren();
    this.boxes.replaceChildren();
    this.details.hidden = this.correction.hidden = true;
  }

  // answer: a page as POST /read gives it; source: an image or canvas that shows it;
  // width, height: of the picture whose pixels the boxes are in.
  show(answer, source, width, height) {
    this.clear("");
    this.source = source;
    this.size = [width, height];
    this.output.textContent = answer.text.join(" ") || "No digit";
    this.boxes.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.asRead = answer.rows.join("/");
    let index = 0;
    for (const [place, character] of [...this.asRead].entries()) {
      if (character === "/") this.endRow();
      else if (character !== " ") this.add({ ...answer.digits[index++], place });
    }
    this.typed.value = this.asRead;
    this.typed.disabled = this.correction.hidden = false;
  }

  endRow() {
    const end = document.createElement("span");
    end.className = "row-end";
    this.list.append(end);
  }

  add(digit) {
    this.digits.push(digit);
    const button = document.createElement("button");
    button.type = "button";
    const strong = document.createElement("strong");
    strong.textContent = digit.digit;
    button.append(strong, percent(digit.confidence));
    button.ariaLabel = `${digit.digit}, ${percent(digit.confidence)} sure`;
    const box = document.createElementNS(SVG, "rect");
    const [x, y, width, height] = digit.box;
    for (const [name, value] of Object.entries({ x, y, width, height })) {
      box.setAttribute(name, value);
    }
    const isDoubtful = digit.confidence < DOUBTFUL;
    for (const element of [button, box]) {
      element.classList.toggle("is-doubtful", isDoubtful);
    }
    digit.mark = box;
    button.addEventListener("focus", () => this.choose(digit));
    button.addEventListener("click", () => this.startCorrection(digit));
    this.list.append(button);
    this.boxes.append(box);
  }

  choose(chosen) {
    for (const digit of this.digits) {
      digit.mark.classList.toggle("is-chosen", digit === chosen);
    }
    this.details.hidden = false;
    this.guesses.replaceChildren(
      ...chosen.top.map(([guess, probability]) => {
        const row = document.createElement("tr");
        for (const text of [guess, percent(probability)]) {
          row.append(Object.assign(document.createElement("td"), { textContent: text }));
        }
        return row;
      }),
    );
    this.showSeen(chosen.box);
  }

  // What was seen of a digit: its box cut out of the picture.
  showSeen([x, y, width, height]) {
    const { source, seen } = this;
    const context = seen.getContext("2d");
    const scale = (source.naturalWidth ?? source.width) / this.size[0];
    const side = Math.max(width, height) * 1.2;
    const left = x + width / 2 - side / 2;
    const top = y + height / 2 - side / 2;
    context.fillStyle = "white";
    context.fillRect(0, 0, seen.width, seen.height);
    context.drawImage(
      source,
      left * scale,
      top * scale,
      side * scale,
      side * scale,
      0,
      0,
      seen.width,
      seen.height,
    );
  }

  // Select a digit in the right reading, so that typing replaces it.
  startCorrection(digit) {
    this.choose(digit);
    const { typed } = this;
    if (typed.disabled) return;
    typed.focus();
    if (typed.value === this.asRead) typed.setSelectionRange(digit.place, digit.place + 1);
    else typed.select();
  }

  get isCorrected() {
    return this.reading() !== this.asRead;
  }

  // Return the right reading.
  reading() {
    const rows = this.typed.value.split("/");
    return rows.map((row) => row.trim().replace(/\s+/g, " ")).join("/");
  }

  // Take no further correction of this picture.
  finish() {
    this.typed.disabled = true;
  }
}

function percent(probability) {
  return `${(Math.floor(1000 * probability) / 10).toFixed(1)} %`;
}
