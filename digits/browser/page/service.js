// What the page asks of load_model.py: the REST interface described at /openapi.json.

async function ask(path, options) {
  const response = await fetch(path, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? response.statusText);
  return answer;
}

// Return the pages of a picture (a Blob), as --json prints them.
// isDrawn: on this page, so it is upright. Of a file, the first page is read.
export function read(picture, isDrawn) {
  const query = new URLSearchParams({ pages: 1, turn: !isDrawn, picture: !isDrawn });
  return ask(`/read?${query}`, { method: "POST", body: picture });
}

// Keep a picture with what it says: digits, spaces, / between rows.
export function correct(picture, isDrawn, reading) {
  const query = new URLSearchParams({ reading, turn: !isDrawn });
  return ask(`/corrections?${query}`, { method: "POST", body: picture });
}

export function corrections() {
  return ask("/corrections");
}
