// The desk in JupyterLab: Python computes, see audiosae/live/engine.py. Arrays travel as buffers of 32-bit floats, each named by its place.
import { build } from "./desk.mjs";

function packed(value, buffers) {
  if (value instanceof Float32Array) return { $array: buffers.push(new DataView(value.buffer)) - 1 };
  if (Array.isArray(value)) return value.map((each) => packed(each, buffers));
  return value;
}

function unpacked(value, buffers) {
  if (Array.isArray(value)) return value.map((each) => unpacked(each, buffers));
  if (value && typeof value === "object") {
    if ("$array" in value) {
      const { buffer, byteOffset, byteLength } = buffers[value.$array];
      return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
    }
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, unpacked(each, buffers)]));
  }
  return value;
}

function render({ model, el, experimental }) {
  const element = document.createElement("div");
  element.className = "audiosae-switch audiosae-live";
  el.append(element);
  const ask = async (job, told = {}) => {
    const buffers = [];
    const sent = Object.fromEntries(Object.entries(told).map(([name, value]) => [name, packed(value, buffers)]));
    const [{ error, ...answer }, received] = await experimental.invoke("ask", { job, told: sent }, { buffers, signal: new AbortController().signal });
    if (error) throw new Error(error);
    return unpacked(answer, received);
  };
  build(element, model.get("codecs"), { start: () => ask, size: "Python computes" });
}

export default { render };
