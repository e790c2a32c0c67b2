// What the page asks of load_model.py: the REST interface described at /openapi.json.

async function ask(path, options) {
  const response = await fetch(path, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? response.statusText);
  return answer;
}

// Return the pages of a picture (a Blob), as --json prints them.
export function read(picture, withPicture) {
  return ask(`/read?picture=${withPicture}`, { method: "POST", body: picture });
}

// Keep a picture with what it says: digits, spaces, / between rows.
export function correct(picture, reading) {
  const query = new URLSearchParams({ reading });
  return ask(`/corrections?${query}`, { method: "POST", body: picture });
}

export function corrections() {
  return ask("/corrections");
}
