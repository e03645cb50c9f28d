// Every feature of a codec's autoencoders: how it fires, what it tells apart, and the clips in which it is strongest, to hear from the moment on.
// `build` draws it from columns, see `audiosae.live.features.survey`; where these and sounds come from is the caller's affair: Python through
// a live model (`render`, below), or files (mount.mjs).

import { field, make, options } from "./elements.mjs";

const PROPERTIES = ["pitch", "amplitude", "timbre"];
const KINDS = { paper: "the paper's", k_sparse: "k-sparse" };
const percent = (share) => `${(100 * share).toFixed(share < 0.001 ? 2 : 1)} %`;
const SORTS = { // by what, largest first: its name, the value of a feature, and that as text
  auroc: ["AUROC", ({ told }) => told?.[2] ?? -1, (value) => (value < 0 ? "" : (value / 1000).toFixed(2))],
  strength: ["strength", ({ peak }) => peak, (value) => value.toFixed(1)],
  often: ["share of frames, most first", ({ fires }) => fires, percent],
  rare: ["share of frames, least first", ({ fires }) => -(fires || 2), (value) => (value < -1 ? "" : percent(-value))],
  number: ["number", ({ number }) => -number, () => ""],
};
const FIRST = 200; // entries of the list, until all are asked for
const LEAD = 0.4; // seconds that a player starts before the moment
const PUSH = 20; // α on the desk

function draw(parent, tag, properties, text = "") {
  const part = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) part.setAttribute(name, value);
  part.textContent = text;
  parent.append(part);
  return part;
}

const picture = (parent, viewBox, label) => draw(parent, "svg", { viewBox, role: "img", "aria-label": label });
const anchor = (kind, number) => `#${kind === "paper" ? "" : `${kind.replaceAll("_", "-")}-`}feature-${number}`;
const plain = (text) => ` ${text.toLowerCase().replace(/[()]/g, "").replaceAll("−", "-").trim()}`; // what a search compares, from the start of a word

function histogram(bars, peak) {
  const figure = make("figure", { className: "audiosae-histogram" });
  const most = Math.max(...bars);
  const label = `Histogram of activations from 0 to ${peak}; the tallest bar holds ${percent(most / 1000)} of the frames in which the feature fires`;
  const svg = picture(figure, "0 0 340 122", label);
  bars.forEach((value, i) => {
    const [width, height] = [296 / bars.length, (95 * value) / most];
    const bar = draw(svg, "rect", { x: 42 + i * width, y: 102 - height, width: width - 1, height });
    draw(bar, "title", {}, `${((i * peak) / bars.length).toFixed(2)} to ${(((i + 1) * peak) / bars.length).toFixed(2)}: ${percent(value / 1000)}`);
  });
  draw(svg, "line", { x1: 42, x2: 338, y1: 102, y2: 102 });
  const texts = [[42, 117, "start", "0"], [190, 117, "middle", "activation"], [338, 117, "end", peak.toFixed(2)], [38, 15, "end", percent(most / 1000)], [38, 104, "end", "0"]];
  for (const [x, y, side, text] of texts) draw(svg, "text", { x, y, "text-anchor": side }, text);
  figure.append(make("figcaption", { textContent: "share of the frames in which it fires, by activation" }));
  return figure;
}

// `index`: what the stage `live` says of the codec, and described, { clip: { text, seconds, peaks } }. `source.features(kind)` resolves to columns,
// `source.clip(name)` to { url, release }. `book`: { desk }, an address or undefined, where the browser has a page of its own.
export async function build(element, index, source, book = null) {
  const kind = make("select", {}, ...options(Object.entries(KINDS)));
  const search = make("input", { type: "search", placeholder: "12, C4, timbre 2343 Hz, violin" });
  const order = make("select", {}, ...options(Object.entries(SORTS).map(([name, [text]]) => [name, text])));
  const found = make("p", { className: "audiosae-found", role: "status" });
  const failed = make("p", { className: "audiosae-status", role: "status" });
  const list = make("ul", { className: "audiosae-list", ariaLabel: "Features" });
  const all = make("button", { type: "button", hidden: true });
  const attempt = (work) => work.catch((error) => { found.textContent = error.message; });
  const [title, card] = [make("div", { ariaLive: "polite", tabIndex: -1 }), make("div")];
  const audio = make("audio", { controls: true, preload: "none", hidden: true, ariaLabel: "Clip" });
  const push = make("a", { textContent: "Push this feature on the desk" });
  element.replaceChildren(
    make("div", { className: "audiosae-controls" }, field("Autoencoder", kind), field("Search", search), field("Order", order)), found,
    make("div", { className: "audiosae-browser" }, make("div", {}, list, all), make("section", { className: "audiosae-card" }, title, card)),
  );
  Object.assign(element, { role: "group", ariaLabel: `Features of ${index.title}` });

  const words = PROPERTIES.map((property) => index.classes[property].map((name) => plain(`${property} ${name}`)));
  const className = ([property, k]) => `${PROPERTIES[property]} ${index.classes[PROPERTIES[property]][k]}`;
  const testClip = (name) => index.clips.some(({ clip }) => clip === name);
  const kept = new Map(); // columns, by kind; a failure is forgotten, so that it can be tried again
  let shown = {}; // kind and number
  let turn = 0; // of what was chosen last: what comes late for an earlier choice is dropped

  function columns(name) {
    if (!kept.has(name)) kept.set(name, source.features(name));
    kept.get(name).catch(() => kept.delete(name));
    return kept.get(name);
  }

  // Features that the search finds, each with the class that it found, or the one that the feature tells apart best.
  function matches({ names, fires, peak, classes, clips, top }) {
    const wanted = plain(search.value);
    const has = ([property, k]) => words[property][k].includes(wanted);
    const heard = names.map((clip) => plain(index.described[clip]?.text ?? "").includes(wanted));
    const adds = new Map(top.map(([property, k, feature]) => [feature, [PROPERTIES.indexOf(property), k]]).filter(([, one]) => has(one)));
    return fires.flatMap((share, number) => {
      const told = classes[number].find(has) ?? adds.get(number);
      const exact = String(number) === wanted.trim();
      const any = wanted === " " || told || exact || clips[number].some(([clip]) => heard[clip]);
      return any ? [{ number, exact, told: told ?? classes[number][0], fires: share, peak: peak[number] }] : [];
    });
  }

  async function filter(whole) {
    const [name, [, by, text]] = [kind.value, SORTS[order.value]];
    const of = await columns(name);
    if (name !== kind.value) return;
    const features = matches(of).sort((a, b) => b.exact - a.exact || by(b) - by(a) || a.number - b.number);
    found.textContent = `${features.length} of ${of.fires.length} features`;
    list.replaceChildren(...features.slice(0, whole ? Infinity : FIRST).map((one) => {
      const button = make("button", { type: "button", tabIndex: -1, className: one.told ? `audiosae-${PROPERTIES[one.told[0]]}` : "" }, make("b", { textContent: one.number }),
        make("span", { textContent: one.told ? className(one.told).replace(/ \(.*/, "") : one.peak ? "no class" : "never fires" }), make("small", { textContent: text(by(one)) }));
      button.dataset.feature = one.number;
      return make("li", {}, button);
    }));
    all.hidden = whole || features.length <= FIRST;
    all.textContent = `Show all ${features.length}`;
    mark();
  }

  // The list is one stop of the Tab key; arrows go on from there.
  function mark() {
    for (const button of list.querySelectorAll('[tabindex="0"]')) [button.tabIndex, button.ariaCurrent] = [-1, null];
    const current = shown.kind === kind.value && list.querySelector(`[data-feature="${shown.feature}"]`);
    const reached = current || list.querySelector("button");
    if (reached) [reached.tabIndex, reached.ariaCurrent] = [0, current ? "true" : null];
  }

  // Play the clip of an entry from a time on, in seconds.
  let [release, playing] = [null, null];
  async function play(item, name, time) {
    const mine = ++turn;
    audio.load(); // in the click itself, or a telephone would not let it play once the sound has come
    try {
      const sound = await source.clip(name);
      if (mine !== turn) return sound.release();
      release?.();
      [release, playing, failed.textContent] = [sound.release, item, ""];
      Object.assign(audio, { hidden: false, src: sound.url, ariaLabel: index.described[name].text });
      audio.addEventListener("loadedmetadata", () => { audio.currentTime = time; }, { once: true });
      if (testClip(name)) aim(name);
      await audio.play();
    } catch (error) {
      if (mine === turn && error.name !== "AbortError") failed.textContent = error.message;
    }
  }
  audio.addEventListener("play", () => document.querySelectorAll("audio").forEach((other) => other !== audio && other.pause()));
  audio.addEventListener("timeupdate", () => {
    for (const item of card.querySelectorAll("li")) item.style.setProperty("--played", item === playing ? audio.currentTime / audio.duration : -1);
  });

  // The desk gets the clip at hand, if it is one of the test clips that it has.
  function aim(clip) {
    if (!book?.desk) return;
    const address = new URL(book.desk);
    for (const [name, value] of Object.entries({ ...(clip && { clip }), ...shown, a: PUSH })) address.searchParams.set(name, value);
    push.href = address.href;
  }

  function excerpt(name, hundredths, activation) {
    const { text, seconds, peaks } = index.described[name];
    const [time, step] = [hundredths / 100, 100 / peaks.length];
    const from = Math.max(0, time - LEAD);
    const button = make("button", { type: "button", textContent: `▶ from ${from.toFixed(1)} s`, ariaLabel: `Play ${text} from ${from.toFixed(1)} seconds` });
    const item = make("li", {}, make("div", {}, button, make("span", { textContent: text }), make("small", { textContent: `activation ${(activation / 100).toFixed(2)}` })));
    const svg = picture(item, "0 0 100 40", `Waveform; strongest at ${time.toFixed(1)} seconds`);
    svg.setAttribute("preserveAspectRatio", "none");
    const wave = peaks.map((peak, i) => `M${((i + 0.5) * step).toFixed(2)} ${20 - peak / 5}v${Math.max(0.5, peak / 2.5)}`);
    draw(svg, "path", { d: wave.join(""), class: "wave" });
    draw(svg, "line", { x1: (100 * time) / seconds, x2: (100 * time) / seconds, y1: 0, y2: 40, class: "moment" });
    button.addEventListener("click", () => play(item, name, from));
    svg.addEventListener("click", ({ offsetX }) => play(item, name, (seconds * offsetX) / svg.clientWidth));
    return item;
  }

  function link(number, text) {
    const node = book ? make("a", { href: anchor(shown.kind, number), textContent: text }) : make("button", { type: "button", textContent: text });
    if (!book) node.addEventListener("click", () => attempt(open(shown.kind, number, true)));
    return node;
  }

  async function open(name, number, chosen = false) {
    const mine = ++turn;
    const of = await columns(name);
    if (mine !== turn || !(number in of.fires)) return;
    const another = kind.value !== name;
    [shown, kind.value] = [{ kind: name, feature: number }, name];
    if (another) await filter();
    mark();
    audio.pause();
    [audio.hidden, failed.textContent] = [true, ""];
    const [peak, clips] = [of.peak[number], of.clips[number].map(([clip, ...rest]) => [of.names[clip], ...rest])];
    title.replaceChildren(make("h2", { textContent: `Feature ${number}` }),
      make("p", { textContent: peak ? `It fires in ${percent(of.fires[number])} of the frames, with ${peak.toFixed(2)} at most.` : "It never fires." }));
    const rows = of.classes[number].map((one) => {
      const row = make("tr", { className: `audiosae-${PROPERTIES[one[0]]}` }, make("th", { scope: "row", textContent: className(one) }),
        make("td", { textContent: (one[2] / 1000).toFixed(3) }), make("td", { ariaHidden: "true" }));
      row.style.setProperty("--told", Math.max(0, one[2] / 500 - 1));
      return row;
    });
    const top = of.top.filter(([, , feature]) => feature === number).map(([property, k]) => className([PROPERTIES.indexOf(property), k]));
    card.replaceChildren(
      ...(peak ? [histogram(of.histogram[number], peak)] : []),
      ...(rows.length ? [make("h3", { textContent: "What it tells apart" }), make("table", {}, make("tbody", {}, ...rows)),
        make("p", { className: "audiosae-found", textContent: "Classes chosen on training recordings; AUROC on test recordings, from 0.5, by chance, to 1." })] : []),
      ...(top.length ? [make("p", { textContent: `Of all features it adds most to the probe's score of ${top.join(", ")}.` })] : []),
      ...(clips.length ? [make("h3", { textContent: "Where it is strongest" }), make("ol", { className: "audiosae-clips" }, ...clips.map((clip) => excerpt(...clip)))] : []),
      audio, failed,
      make("p", {}, "Nearest features, by the cosine of their decoder directions: ", ...of.near[number].flatMap(([other, cosine], i) =>
        [i ? ", " : "", link(other, `${other} (${(cosine / 100).toFixed(2)})`)])),
      ...(book ? [make("p", {}, ...(book.desk ? [push, " · "] : []), link(number, "Address of this feature"))] : []),
    );
    aim(clips.map(([clip]) => clip).find(testClip));
    Object.assign(element.dataset, shown);
    if (!chosen) return;
    if (book) {
      const address = new URL(location);
      for (const asked of ["kind", "feature"]) address.searchParams.delete(asked);
      address.hash = anchor(name, number);
      history.replaceState(null, "", address);
    }
    const { top: place } = title.getBoundingClientRect();
    if (place < 60 || place > innerHeight * 0.8) title.scrollIntoView({ block: "start" });
    if (document.activeElement === document.body) title.focus({ preventScroll: true }); // a link that was followed is gone
  }

  // What the page's address names: #feature-12, #k-sparse-feature-12, ?kind=k_sparse#feature-12 or ?kind=k_sparse&feature=12.
  function addressed() {
    const asked = new URLSearchParams(location.search);
    const [, other, number = asked.get("feature")] = /^#(?:([a-z-]+)-)?feature-(\d+)$/.exec(location.hash) ?? [];
    const name = (other ?? asked.get("kind") ?? "paper").replaceAll("-", "_");
    return number && name in KINDS ? [name, Number(number)] : null;
  }

  const first = () => Number(list.querySelector("button")?.dataset.feature ?? 0);
  for (const input of [search, order]) input.addEventListener("input", () => attempt(filter()));
  kind.addEventListener("input", () => attempt(filter().then(() => open(kind.value, first(), true))));
  search.addEventListener("keydown", ({ key }) => key === "Enter" && list.firstChild && attempt(open(kind.value, first(), true)));
  all.addEventListener("click", () => attempt(filter(true)));
  list.addEventListener("click", ({ target }) => target.closest("button") && attempt(open(kind.value, Number(target.closest("button").dataset.feature), true)));
  list.addEventListener("keydown", (event) => {
    const item = event.target.closest("li");
    const next = { ArrowDown: item.nextSibling, ArrowUp: item.previousSibling, Home: list.firstChild, End: list.lastChild }[event.key];
    if (next) event.preventDefault();
    next?.firstChild.focus();
  });
  if (book) addEventListener("hashchange", () => element.offsetParent && addressed() && attempt(open(...addressed(), true)));
  const wanted = book && addressed();
  kind.value = wanted?.[0] ?? "paper";
  await filter();
  await open(kind.value, wanted?.[1] ?? first(), Boolean(wanted));
  if (!shown.kind) await open(kind.value, first()); // the address names a feature that is not there
  if (wanted) element.scrollIntoView({ block: "start" });
}

// The form in JupyterLab: anywidget calls this, and Python answers, see `widgets.browser`.
function render({ model, el, experimental }) {
  const element = make("div", { className: "audiosae-features" });
  el.append(element);
  const ask = async (message) => {
    const [{ error, ...content }, buffers] = await experimental.invoke("ask", message, { signal: new AbortController().signal });
    if (error) throw new Error(error);
    return { content, buffers };
  };
  const source = {
    features: async (kind) => (await ask({ kind })).content,
    clip: async (clip) => {
      const url = URL.createObjectURL(new Blob((await ask({ clip })).buffers, { type: "audio/mpeg" }));
      return { url, release: () => URL.revokeObjectURL(url) };
    },
  };
  build(element, model.get("index"), source).catch((error) => { element.append(error.message); });
}

export default { render };
