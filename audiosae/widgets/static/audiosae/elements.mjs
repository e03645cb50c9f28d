// Elements of a form.
let count = 0;

export function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

export const options = (entries) => entries.map(([value, textContent]) => make("option", { value, textContent }));

// A control with its label, and what else stands beside it.
export function field(label, node, ...rest) {
  node.id = `audiosae-control-${++count}`;
  return make("div", { className: "audiosae-axis" }, make("label", { htmlFor: node.id, textContent: label }), node, ...rest);
}
