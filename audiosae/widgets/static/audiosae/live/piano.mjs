// A small piano, for the pointer and for the computer's keys: told(note) with a MIDI note.
import { make } from "../elements.mjs";

const KEYS = "awsedftgyhujk"; // an octave and one note, as they lie on a keyboard
const NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
const [LOWEST, HIGHEST] = [36, 72]; // of the first note: C2 to C5

export function piano(told) {
  let first = 60;
  const keys = make("div", { className: "audiosae-keys" });
  const node = make("div", { className: "audiosae-piano" }, keys);
  const name = (note) => `${NAMES[note % 12]}${Math.floor(note / 12) - 1}`;
  const move = (octaves) => {
    first = Math.min(HIGHEST, Math.max(LOWEST, first + 12 * octaves));
    for (const [i, key] of [...keys.children].entries()) {
      key.setAttribute("aria-label", name(first + i));
      key.title = `${name(first + i)}, key ${KEYS[i].toUpperCase()}`;
    }
  };
  const strike = (i) => {
    for (const [j, key] of [...keys.children].entries()) key.setAttribute("aria-pressed", String(i === j));
    told(first + i);
  };
  for (let i = 0; i < KEYS.length; i++) {
    const key = make("button", { type: "button", className: NAMES[i % 12].length > 1 ? "black" : "white", textContent: KEYS[i].toUpperCase() });
    key.addEventListener("click", () => strike(i));
    keys.append(key);
  }
  for (const [text, octaves] of [["Octave down (Z)", -1], ["Octave up (X)", 1]]) {
    const button = make("button", { type: "button", textContent: text });
    button.addEventListener("click", () => move(octaves));
    node.append(button);
  }
  move(0);
  return {
    node,
    // A key of the computer's: a note, or another octave.
    press(key) {
      if (KEYS.includes(key)) strike(KEYS.indexOf(key));
      else if (key === "z" || key === "x") move(key === "z" ? -1 : 1);
    },
  };
}
