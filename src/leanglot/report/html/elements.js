// Makes elements from texts that stay texts: nothing here, or in any other file, parses HTML.

const SVG = "http://www.w3.org/2000/svg";

const byId = (id) => document.getElementById(id);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

const element = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const drawn = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

const plural = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

function verdictBadge(verdict) {
  const { sign, word, style } = data.signs[verdict ?? ""];
  return element("span", { class: `verdict ${style}` }, element("span", { "aria-hidden": "true" }, sign), ` ${word}`);
}

const nameOf = (candidate) => element("code", {}, element("bdi", {}, candidate.name));

const statusOf = (candidate) => element("span", { class: `status ${candidate.status}` }, candidate.status);
