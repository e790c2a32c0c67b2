// The page: a drawing or a picture goes to the reader, its reading is shown.

import { Camera } from "./camera.js";
import { Drawing, SENT } from "./drawing.js";
import { Result } from "./result.js";
import { correct, corrections, read } from "./service.js";

const ENOUGH = 10; // corrections from which something is learned

const find = (id) => document.getElementById(id);
const paper = find("paper");
const canvas = find("drawing");
const picture = find("picture");
const keep = find("keep");

const result = new Result(() => {
  keep.hidden = !result.isCorrected;
});
const drawing = new Drawing(canvas, readDrawing);
let current = null; // what the reading is of: [picture, a Blob; whether it was drawn]
let latest = 0; // the number of the last question: answers to earlier ones are late
let isReading = false; // a drawing …
let isOutdated = false; // … to which a stroke was added

// Read the drawing, and again if it changed while it was read.
async function readDrawing() {
  if (!drawing.strokes.length) return startAnew("Nothing yet");
  isOutdated = true;
  if (isReading) return;
  isReading = true;
  while (isOutdated && drawing.strokes.length) {
    isOutdated = false;
    const blob = await drawing.picture();
    await show(blob, true, (answer) => result.show(answer, canvas, ...SENT));
  }
  isReading = false;
}

async function readPicture(blob) {
  result.clear("Reading…");
  await show(blob, false, async (answer) => {
    drawing.clear(); // only now: what cannot be read does not cost the drawing
    picture.src = answer.picture;
    await picture.decode();
    canvas.hidden = true;
    picture.hidden = false;
    const { naturalWidth, naturalHeight } = picture;
    result.show(answer, picture, naturalWidth * answer.scale, naturalHeight * answer.scale);
  });
}

// Ask for the reading of a picture, and show it by `display`.
async function show(blob, isDrawn, display) {
  const number = ++latest;
  try {
    const [answer] = await read(blob, isDrawn);
    if (number !== latest) return;
    if (answer.error) throw new Error(answer.error);
    current = [blob, isDrawn];
    await display(answer);
  } catch (error) {
    if (number !== latest) return;
    result.clear(error.message);
  }
  keep.hidden = true;
}

function startAnew(text) {
  latest++;
  drawing.clear();
  result.clear(text);
  canvas.hidden = false;
  picture.hidden = keep.hidden = true;
  picture.removeAttribute("src");
}

async function keepCorrection() {
  const number = latest;
  keep.hidden = true;
  try {
    tell(await correct(...current, result.reading()));
    if (number === latest) result.finish();
  } catch (error) {
    keep.hidden = number !== latest;
    find("kept").textContent = error.message;
  }
}

// Say how many corrections there are, and the command that learns them, if any does.
function tell({ count, command }) {
  const noun = count === 1 ? "correction" : "corrections";
  find("kept").textContent = count ? `${count} ${noun} in corrections/.` : "";
  find("learn").hidden = count === 0 || !command;
  find("command").querySelector("code").textContent = command;
  if (count >= ENOUGH && command) showCommand();
}

// Show the command that learns the corrections.
function showCommand() {
  find("command").hidden = false;
}

find("clear").addEventListener("click", () => startAnew("Nothing yet"));
find("undo").addEventListener("click", () => {
  if (canvas.hidden) startAnew("Nothing yet");
  else drawing.undo();
});
keep.addEventListener("click", keepCorrection);
find("learn").addEventListener("click", showCommand);
find("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) readPicture(file);
  event.target.value = ""; // the same file may be chosen again
});
document.addEventListener("paste", (event) => {
  const [file] = event.clipboardData.files;
  if (file) readPicture(file);
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  paper.classList.add("is-target");
});
document.addEventListener("dragleave", () => paper.classList.remove("is-target"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  paper.classList.remove("is-target");
  const [file] = event.dataTransfer.files;
  if (file) readPicture(file);
});
new Camera(find("photo"), find("camera"), readPicture);
corrections().then(tell, (error) => {
  find("kept").textContent = error.message;
});
