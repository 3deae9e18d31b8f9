// A tool that asks HTTP APIs with nothing but `fetch`, as it would in a browser.

export const get = (url) => textOf(url);

export const post = (url, body) => textOf(url, { method: "POST", body });

async function textOf(url, options) {
  let response, text;
  try {
    response = await fetch(url, options);
    text = await response.text();
  } catch (error) {
    throw String(error?.message ?? error);
  }
  if (!response.ok) throw `${response.status}: ${text}`;
  return text;
}
