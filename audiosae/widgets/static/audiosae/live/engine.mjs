// Who computes: the worker of a static page, or Python in JupyterLab, behind one question: ask(job, told) -> answer.

export function workerEngine() {
  const worker = new Worker(new URL("./worker.mjs", import.meta.url), { type: "module" });
  const waiting = new Map();
  let count = 0;
  worker.onmessage = ({ data: { id, error, ...answer } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error) reject(new Error(error));
    else resolve(answer);
  };
  worker.onerror = ({ message }) => {
    for (const { reject } of waiting.values()) reject(new Error(message ?? "the worker did not start"));
    waiting.clear();
  };
  return (job, told = {}) =>
    new Promise((resolve, reject) => {
      waiting.set(++count, { resolve, reject });
      worker.postMessage({ id: count, job, ...told });
    });
}

// Whether the page can compute: WebAssembly with SIMD (a function that makes a vector and drops it), workers and Web Audio.
export function able() {
  const simd = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11);
  return typeof Worker === "function" && typeof AudioContext === "function" && typeof DecompressionStream === "function" && WebAssembly.validate(simd);
}

// Runs the newest of several wishes: while one is at work, the next waits, and those between are forgotten.
export function newest(work) {
  let [busy, next] = [false, null];
  return async function wish(...told) {
    next = told;
    if (busy) return;
    busy = true;
    while (next) {
      const now = next;
      next = null;
      await work(...now, () => next !== null);
    }
    busy = false;
  };
}
