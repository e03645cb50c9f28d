// A blind check: of two sounds, which was steered, and how? Made of the sounds of section 4; answers leave as CSV, by the listener's own hand.

const TRIALS = 12;
const STRENGTH = "1"; // r, where a sound of the paper's step still is the clip
const WAYS = {
  pitch: ["pitch lower", "pitch higher"],
  amplitude: ["softer", "louder"],
  timbre: ["darker", "brighter"],
};

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

// A small generator of random numbers, so that a code gives everybody the same trials (mulberry32, in the public domain).
function random(text) {
  let state = [...text].reduce((hash, letter) => Math.imul(hash ^ letter.codePointAt(0), 16777619), 2166136261);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function shuffled(items, draw) {
  const left = [...items];
  return items.map(() => left.splice(Math.floor(draw() * left.length), 1)[0]);
}

// As many trials of each property; codec, clip and direction at random, none twice. `indices`: [codec, index of its steered sounds, its address].
export function trials(indices, code) {
  const draw = random(code);
  const found = Object.keys(WAYS).flatMap((property) => {
    const all = indices.flatMap(([codec, { axes, states }, place]) => {
      const [clips, properties, targets, strengths] = axes.map(([, labels]) => labels);
      const [p, zero, strong] = [properties.indexOf(property), strengths.indexOf("0"), strengths.indexOf(STRENGTH)];
      return clips.flatMap((clip, i) => targets.map((target, t) => {
        const [still, moved] = [zero, strong].map((r) => states[`${i}-${p}-${t}-${r}`].file);
        return { codec, clip, property, target, r: STRENGTH, still, moved, place, way: WAYS[property][t] };
      }));
    });
    return shuffled(all, draw).slice(0, Math.ceil(TRIALS / Object.keys(WAYS).length));
  });
  return shuffled(found, draw).slice(0, TRIALS).map((trial) => ({ ...trial, steered: draw() < 0.5 ? "A" : "B" }));
}

// A spreadsheet takes text that begins with one of = + - @ for a formula and runs it, so such text gets an apostrophe in front; a number
// stays one. A semicolon or a tab separates cells in some countries' spreadsheets.
function cell(value) {
  const text = typeof value === "string" && /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : String(value);
  return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csv(rows) {
  const names = Object.keys(rows[0]);
  return [names, ...rows.map((row) => names.map((name) => row[name]))].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

// `indices` as for `trials`; `fetchSound(file, place)` resolves to { url, release }.
export function build(element, indices, fetchSound) {
  const answers = [];
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", "Listening check");

  function start() {
    const code = make("input", { type: "text", id: "audiosae-code", value: Math.random().toString(36).slice(2, 7), maxLength: 20 });
    const begin = make("button", { type: "button", textContent: "Begin" });
    begin.addEventListener("click", () => ask(trials(indices, code.value.trim()), 0, code.value.trim()));
    element.replaceChildren(
      make("p", { textContent: `${TRIALS} pairs of sounds, some five minutes. Listen as often as you like; there are no readouts, and no way back. Headphones help.` }),
      make("div", { className: "audiosae-axis" }, make("label", { htmlFor: code.id, textContent: "Code (the same code gives a group the same pairs)" }), code),
      make("p", {}, begin));
  }

  function choices(legend, name, options) {
    const set = make("fieldset", {}, make("legend", { textContent: legend }));
    options.forEach((text, i) => {
      const input = make("input", { type: "radio", name, value: text, id: `${name}-${i}` });
      set.append(make("div", {}, input, make("label", { htmlFor: input.id, textContent: text })));
    });
    return { set, value: () => set.querySelector("input:checked")?.value };
  }

  async function ask(all, number, code) {
    const trial = all[number];
    const began = performance.now();
    const plays = { A: 0, B: 0 };
    const status = make("p", { className: "audiosae-status" });
    status.setAttribute("role", "status");
    const releases = [];
    const players = ["A", "B"].map((letter) => {
      const audio = make("audio", { controls: true, preload: "none" });
      audio.setAttribute("aria-label", `Sound ${letter}`);
      audio.addEventListener("play", () => { plays[letter] += 1; });
      fetchSound(letter === trial.steered ? trial.moved : trial.still, trial.place).then(({ url, release }) => { audio.src = url; releases.push(release); })
        .catch((error) => { status.textContent = error.message; });
      return make("div", { className: "audiosae-axis" }, make("b", { textContent: letter }), audio);
    });
    const which = choices("Which of the two was steered?", "audiosae-which", ["A", "B"]);
    const how = choices("And how?", "audiosae-how", [...Object.values(WAYS).flat(), "cannot say"]);
    const next = make("button", { type: "button", textContent: number + 1 < all.length ? "Next" : "Finish" });
    next.addEventListener("click", () => {
      if (!which.value() || !how.value()) {
        status.textContent = "Please answer both questions; a guess is an answer.";
        return;
      }
      answers.push({
        code, trial: number + 1, codec: trial.codec, clip: trial.clip, property: trial.property, way: trial.way, r: trial.r,
        steered: trial.steered, answer: which.value(), answered_way: how.value(), right: which.value() === trial.steered,
        right_way: how.value() === trial.way, plays_a: plays.A, plays_b: plays.B, seconds: ((performance.now() - began) / 1000).toFixed(1),
      });
      releases.forEach((release) => release());
      if (number + 1 < all.length) ask(all, number + 1, code);
      else finish();
    });
    const title = make("h2", { textContent: `Pair ${number + 1} of ${all.length}`, tabIndex: -1 });
    element.replaceChildren(title, ...players, which.set, how.set, make("p", {}, next), status);
    element.dataset.trial = number + 1;
    if (number > 0) title.focus();
  }

  function finish() {
    const right = answers.filter((answer) => answer.right).length;
    const ways = answers.filter((answer) => answer.right_way).length;
    const file = URL.createObjectURL(new Blob([csv(answers)], { type: "text/csv" }));
    const save = make("a", { href: file, download: `listening-check-${answers[0].code}.csv`, textContent: "Save the answers as CSV" });
    const title = make("h2", { textContent: "Thank you", tabIndex: -1 });
    element.replaceChildren(title,
      make("p", { textContent: `You named the steered sound in ${right} of ${answers.length} pairs (guessing gives half), and how it was steered in ${ways}.` }),
      make("p", {}, save), make("p", { textContent: "The answers are on this page alone; they were sent nowhere." }));
    element.dataset.trial = "done";
    title.focus();
  }

  start();
}
