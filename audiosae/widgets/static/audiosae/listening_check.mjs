// A blind check: of two sounds, which was steered, and how? Made of the sounds of section 4; answers leave as CSV, by the listener's own hand.

import { make } from "./elements.mjs";
import { Player } from "./player.mjs";
import { decoded } from "./sound_view.mjs";

const TRIALS = 12;
const PRACTICE = 2; // pairs with the answer at once, which do not count
const STRENGTH = "1"; // r, where a sound of the paper's step still is the clip
const WAYS = {
  pitch: ["pitch lower", "pitch higher"],
  amplitude: ["softer", "louder"],
  timbre: ["darker", "brighter"],
};

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

// The sensitivity d′ of a listener who was right in so many of n choices between two: √2 z(p), with half a choice added on either side so that
// it stays finite (Hautus 1995). The quantile z is found by bisection on the normal distribution, by Abramowitz and Stegun's formula 26.2.17.
export function dPrime(right, n) {
  const below = (x) => {
    const t = 1 / (1 + 0.2316419 * Math.abs(x));
    const tail = Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI) * t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
    return x > 0 ? 1 - tail : tail;
  };
  const wanted = (right + 0.5) / (n + 1);
  let [low, high] = [-6, 6];
  while (high - low > 1e-6) {
    const middle = (low + high) / 2;
    [low, high] = below(middle) < wanted ? [middle, high] : [low, middle];
  }
  return Math.SQRT2 * (low + high) / 2;
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

// `indices` as for `trials`.
export function build(element, indices) {
  const answers = [];
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", "Listening check");

  function start() {
    const code = make("input", { type: "text", id: "audiosae-code", value: Math.random().toString(36).slice(2, 7), maxLength: 20 });
    const begin = make("button", { type: "button", textContent: "Begin" });
    begin.addEventListener("click", () => {
      const practice = trials(indices, `${code.value.trim()} practice`).slice(0, PRACTICE);
      ask([...practice, ...trials(indices, code.value.trim())], 0, code.value.trim());
    });
    element.replaceChildren(
      make("p", { textContent: `${PRACTICE} pairs to practise, which tell you the answer, then ${TRIALS} that count: some five minutes. Both sounds of a pair loop in step; switch as often as you like. There is no way back. Headphones help.` }),
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
    const practice = number < PRACTICE;
    const began = performance.now();
    const plays = { A: 0, B: 0 };
    const status = make("p", { className: "audiosae-status", role: "status" });
    const pair = playing(trial, plays, (error) => { status.textContent = error.message; });
    const which = choices("Which of the two was steered?", "audiosae-which", ["A", "B"]);
    const how = choices("And how?", "audiosae-how", [...Object.values(WAYS).flat(), "cannot say"]);
    const next = make("button", { type: "button", textContent: number + 1 < all.length ? "Next" : "Finish" });
    let told = false;
    next.addEventListener("click", () => {
      if (!which.value() || !how.value()) {
        status.textContent = "Please answer both questions; a guess is an answer.";
        return;
      }
      if (practice && !told) {
        told = true;
        status.textContent = `It was ${trial.steered}: ${trial.way}, by ${trial.codec}. Listen again, or go on.`;
        return;
      }
      if (!practice) answers.push({
        trialled: trial, code, trial: number + 1 - PRACTICE, codec: trial.codec, clip: trial.clip, property: trial.property, way: trial.way, r: trial.r,
        steered: trial.steered, answer: which.value(), answered_way: how.value(), right: which.value() === trial.steered,
        right_way: how.value() === trial.way, plays_a: plays.A, plays_b: plays.B, seconds: ((performance.now() - began) / 1000).toFixed(1),
      });
      pair.stop();
      if (number + 1 < all.length) ask(all, number + 1, code);
      else finish();
    });
    const title = make("h2", { textContent: practice ? `Practice ${number + 1} of ${PRACTICE}` : `Pair ${number + 1 - PRACTICE} of ${all.length - PRACTICE}`, tabIndex: -1 });
    element.replaceChildren(title, pair.node, which.set, how.set, make("p", {}, next), status);
    element.dataset.trial = practice ? `practice ${number + 1}` : number + 1 - PRACTICE;
    if (number > 0) title.focus();
  }

  // Two sounds that loop in step, one heard at a time: buttons, and the keys A and B.
  function playing(trial, plays, failed) {
    const waves = {};
    let heard = null;
    const player = new Player(() => show());
    const buttons = ["A", "B"].map((letter) => make("button", { type: "button", className: "audiosae-pad", textContent: letter }));
    const pause = make("button", { type: "button", className: "audiosae-play" });
    const node = make("div", { className: "audiosae-pads", role: "group", ariaLabel: "Sounds A and B" }, ...buttons, pause);
    function show() {
      buttons.forEach((button) => button.setAttribute("aria-pressed", String(player.playing && button.textContent === heard)));
      pause.textContent = "Pause";
      pause.disabled = !player.playing;
    }
    async function play(letter) {
      heard = letter;
      plays[letter] += 1;
      try {
        for (const each of ["A", "B"]) waves[each] ??= decoded(new URL(each === trial.steered ? trial.moved : trial.still, trial.place).href);
        const buffer = await waves[letter];
        if (heard !== letter) return;
        player.show(Array.from({ length: buffer.numberOfChannels }, (_, channel) => buffer.getChannelData(channel)), buffer.sampleRate, 1);
        await player.play();
      } catch (error) {
        delete waves.A;
        delete waves.B;
        failed(error);
      }
      show();
    }
    buttons.forEach((button) => button.addEventListener("click", () => play(button.textContent)));
    pause.addEventListener("click", () => player.pause());
    node.addEventListener("keydown", ({ key }) => ["A", "B"].includes(key.toUpperCase()) && play(key.toUpperCase()));
    show();
    return { node, stop: () => player.pause() };
  }

  function finish() {
    const right = answers.filter((answer) => answer.right).length;
    const ways = answers.filter((answer) => answer.right_way).length;
    const rows = answers.map(({ trialled, ...answer }) => answer);
    const file = URL.createObjectURL(new Blob([csv(rows)], { type: "text/csv" }));
    const save = make("a", { href: file, download: `listening-check-${answers[0].code}.csv`, textContent: "Save the answers as CSV" });
    const title = make("h2", { textContent: "What you heard", tabIndex: -1 });
    const status = make("p", { className: "audiosae-status", role: "status" });
    const revealed = answers.map((answer) => make("li", {},
      make("span", { textContent: `${answer.right ? "✓" : "✗"} ${answer.codec}, ${answer.clip}: ${answer.steered} was steered, ${answer.way}. You said ${answer.answer}, ${answer.answered_way}.` }),
      playing(answer.trialled, { A: 0, B: 0 }, (error) => { status.textContent = error.message; }).node));
    element.replaceChildren(title,
      make("p", { textContent: `You named the steered sound in ${right} of ${answers.length} pairs (guessing gives half; d′ = ${dPrime(right, answers.length).toFixed(2)}), and how it was steered in ${ways}.` }),
      make("p", {}, save), make("ol", { className: "audiosae-revealed" }, ...revealed), status,
      make("p", { textContent: "The answers are on this page alone; they were sent nowhere." }));
    element.dataset.trial = "done";
    title.focus();
  }

  start();
}
