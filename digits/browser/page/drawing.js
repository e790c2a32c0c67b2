// A sheet of paper: strokes of a mouse, finger or pen on a canvas.

const PEN = 9; // pixels of the canvas, which is 800 wide
export const SENT = [400, 200]; // pixels: enough to read, and read at once

export class Drawing {
  // canvas: to draw on; onStroke: called after each stroke, and when one was undone.
  constructor(canvas, onStroke) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.strokes = [];
    this.onStroke = onStroke;
    this.pointer = null;
    canvas.addEventListener("pointerdown", (event) => this.start(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.end(event));
    canvas.addEventListener("pointercancel", (event) => this.end(event));
    this.redraw();
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) * this.canvas.width) / box.width,
      ((event.clientY - box.top) * this.canvas.height) / box.height,
    ];
  }

  start(event) {
    if (this.pointer !== null || event.button !== 0) return;
    event.preventDefault(); // no selection
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.strokes.push([this.place(event)]);
    this.redraw();
  }

  move(event) {
    if (event.pointerId !== this.pointer) return;
    const stroke = this.strokes.at(-1);
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) stroke.push(this.place(each));
    this.redraw();
  }

  end(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.onStroke();
  }

  undo() {
    this.pointer = null;
    this.strokes.pop();
    this.redraw();
    this.onStroke();
  }

  clear() {
    this.pointer = null;
    this.strokes = [];
    this.redraw();
  }

  redraw() {
    const { canvas, context } = this;
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.strokeStyle = context.fillStyle = "#1b1b1b";
    context.lineWidth = PEN;
    context.lineCap = context.lineJoin = "round";
    for (const [first, ...others] of this.strokes) {
      context.beginPath();
      context.moveTo(...first);
      context.lineTo(...first); // a dot
      for (const point of others) context.lineTo(...point);
      context.stroke();
    }
  }

  // Return the drawing as a PNG (a Promise of a Blob), small enough to be read at once.
  picture() {
    const small = document.createElement("canvas");
    [small.width, small.height] = SENT;
    const context = small.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(this.canvas, 0, 0, small.width, small.height);
    return new Promise((resolve) => small.toBlob(resolve, "image/png"));
  }
}
