// What was read: digits as buttons, boxes on the paper, guesses; and its correction.

const SURE = 0.9; // confidence below which a digit is shown as doubtful
const SVG = "http://www.w3.org/2000/svg";

export class Result {
  // onChange: called when a digit was corrected.
  constructor(onChange) {
    const find = (id) => document.getElementById(id);
    this.output = find("reading");
    this.list = find("digits");
    this.boxes = find("boxes");
    this.details = find("details");
    this.guesses = find("guesses");
    this.seen = find("seen");
    this.how = find("how");
    this.onChange = onChange;
    this.clear("Nothing yet");
  }

  clear(text) {
    this.digits = [];
    this.isCorrected = false;
    this.output.textContent = text;
    this.list.replaceChildren();
    this.boxes.replaceChildren();
    this.details.hidden = this.how.hidden = true;
  }

  // answer: a page as POST /read gives it; source: an image or canvas that shows it;
  // width, height: of the picture whose pixels the boxes are in.
  show(answer, source, width, height) {
    this.clear("");
    this.source = source;
    this.size = [width, height];
    this.rows = answer.rows;
    this.output.textContent = answer.text.join(" ") || "No digit";
    this.boxes.setAttribute("viewBox", `0 0 ${width} ${height}`);
    // Spaces in rows stand between digits: after how many of its row, each digit knows.
    let index = 0;
    for (const [row, text] of answer.rows.entries()) {
      for (const part of text.split(/(?<= )/)) {
        for (const character of part.trim()) {
          const digit = answer.digits[index++];
          this.add({ ...digit, row, now: character, spaced: false });
        }
        if (part.endsWith(" ")) this.digits.at(-1).spaced = true;
      }
      const end = document.createElement("span");
      end.className = "row-end";
      this.list.append(end);
    }
    this.how.hidden = !this.digits.length;
  }

  add(digit) {
    const number = this.digits.push(digit) - 1;
    const button = document.createElement("button");
    button.type = "button";
    const strong = document.createElement("strong");
    strong.textContent = digit.now;
    button.append(strong, percent(digit.confidence));
    button.ariaLabel = `${digit.now}, ${percent(digit.confidence)} sure`;
    const box = document.createElementNS(SVG, "rect");
    const [x, y, width, height] = digit.box;
    for (const [name, value] of Object.entries({ x, y, width, height })) {
      box.setAttribute(name, value);
    }
    const isDoubtful = digit.confidence < SURE;
    for (const element of [button, box]) {
      element.classList.toggle("is-doubtful", isDoubtful);
    }
    Object.assign(digit, { button, mark: box });
    button.addEventListener("focus", () => this.choose(number));
    button.addEventListener("click", () => button.focus());
    button.addEventListener("keydown", (event) => this.type(event, number));
    this.list.append(button);
    this.boxes.append(box);
  }

  choose(number) {
    const chosen = this.digits[number];
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

  type(event, number) {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (move) this.digits[number + move]?.button.focus();
    else if (/^[0-9]$/.test(event.key)) this.correct(number, event.key);
    else if (["Delete", "Backspace"].includes(event.key)) this.correct(number, "");
    else return;
    event.preventDefault();
  }

  correct(number, label) {
    const digit = this.digits[number];
    digit.now = label;
    digit.button.firstChild.textContent = label || "–";
    digit.button.classList.toggle("is-corrected", label !== String(digit.digit));
    digit.button.ariaLabel = label ? `${label}, corrected` : "left out";
    this.isCorrected = this.digits.some((each) => each.now !== String(each.digit));
    this.output.textContent = this.reading().replaceAll("/", " ");
    this.onChange();
  }

  // Return the reading as it is now: a space between two numbers, / between rows.
  reading() {
    const rows = this.rows.map((_, row) => {
      const own = this.digits.filter((digit) => digit.row === row);
      const text = own.map((digit) => digit.now + (digit.spaced ? " " : "")).join("");
      return text.trim().replace(/ +/g, " ");
    });
    return rows.filter(Boolean).join("/");
  }
}

function percent(probability) {
  return `${(Math.floor(1000 * probability) / 10).toFixed(1)} %`;
}
