// Features as cards: what each speaks for, how often it fires, and the clips that excite it most, to hear from the moment on.
// `build` draws it; where sounds come from is the caller's affair: Python through a live model (`render`, below), or files (mount.mjs).

const PROPERTIES = ["pitch", "amplitude", "timbre"];
const SORTS = {
  strength: ["strongest first", (a, b) => b.strength - a.strength],
  class: ["by class, low to high", (a, b) => PROPERTIES.indexOf(a.property) - PROPERTIES.indexOf(b.property) || a.class - b.class],
  rare: ["rarest first", (a, b) => a.fires - b.fires],
  often: ["most frequent first", (a, b) => b.fires - a.fires],
  number: ["by number", (a, b) => a.feature - b.feature],
};
const LEAD = 0.4;  // seconds that a player starts before the moment

let count = 0;

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function draw(svg, tag, properties) {
  const part = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) part.setAttribute(name, value);
  svg.append(part);
  return part;
}

function picture(width, height, label) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  return svg;
}

// `index`: title, classes as { property: [names] }, clips as { name: { text, seconds, peaks } }, and cards, see `audiosae.widgets.cards`.
// `fetchClip(name)` resolves to { url, release }. `address` says whether a card is named in the page's address.
export function build(element, index, fetchClip, address) {
  const id = `audiosae-features-${++count}`;
  const anchor = index.anchor ?? "feature";
  const byNumber = new Map(index.cards.map((card) => [card.feature, card]));
  const name = (card) => index.classes[card.property][card.class];

  const search = make("input", { type: "search", id: `${id}-search`, placeholder: "number, class or instrument" });
  const property = make("select", { id: `${id}-property` },
    make("option", { value: "", textContent: "all properties" }), ...PROPERTIES.map((prop) => make("option", { value: prop, textContent: prop })));
  const sort = make("select", { id: `${id}-sort` },
    ...Object.entries(SORTS).map(([key, [text]]) => make("option", { value: key, textContent: text })));
  const least = make("input", { type: "range", id: `${id}-least`, min: 0, max: 100, step: 1, value: 0 });
  const leastText = make("output");
  const field = (label, ...nodes) => make("div", { className: "audiosae-axis" }, make("label", { htmlFor: nodes[0].id, textContent: label }), ...nodes);
  const controls = make("div", { className: "audiosae-controls" },
    field("Search", search), field("Speaks for", property), field("Order", sort), field("At least", least, leastText));
  const found = make("p", { className: "audiosae-found" });
  found.setAttribute("role", "status");
  const list = make("ul", { className: "audiosae-list" });
  list.setAttribute("aria-label", "Features");
  const card = make("section", { className: "audiosae-card" });
  card.setAttribute("aria-live", "polite");
  element.replaceChildren(controls, found, make("div", { className: "audiosae-browser" }, list, card));
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", index.title);

  const strongest = Math.max(...index.cards.map((one) => one.strength));
  const words = (one) => [`feature ${one.feature}`, one.property, name(one), ...one.clips.map((clip) => index.clips[clip.clip].text)].join(" ").toLowerCase();
  let shown = null;

  function filter() {
    const wanted = search.value.trim().toLowerCase();
    const bound = strongest * least.value / 100;
    leastText.textContent = bound.toFixed(2);
    least.setAttribute("aria-valuetext", `strength ${bound.toFixed(2)}`);
    const cards = index.cards
      .filter((one) => (!property.value || one.property === property.value) && one.strength >= bound
        && (!wanted || words(one).includes(wanted) || String(one.feature) === wanted))
      .sort(SORTS[sort.value][1]);
    found.textContent = `${cards.length} of ${index.cards.length} features`;
    list.replaceChildren(...cards.map((one) => {
      const button = make("button", { type: "button", className: `audiosae-${one.property}` },
        make("b", { textContent: one.feature }), make("span", { textContent: `${one.property}: ${name(one)}` }),
        make("small", { textContent: `${one.strength.toFixed(2)}` }));
      button.dataset.feature = one.feature;
      button.addEventListener("click", () => open(one.feature, true));
      return make("li", {}, button);
    }));
    mark();
  }

  function mark() {
    for (const button of list.querySelectorAll("button")) {
      button.setAttribute("aria-current", String(Number(button.dataset.feature) === shown));
    }
  }

  function bars(one, prop) {
    const weights = one.weights[prop];
    const size = Math.max(1e-9, ...PROPERTIES.flatMap((other) => one.weights[other].map(Math.abs)));
    const best = weights.indexOf(Math.max(...weights));
    const svg = picture(weights.length * 4, 60, `What the feature adds to each class of ${prop}; most to ${index.classes[prop][best]}`);
    svg.classList.add(`audiosae-${prop}`);
    draw(svg, "line", { x1: 0, x2: weights.length * 4, y1: 30, y2: 30 });
    weights.forEach((weight, k) => {
      const height = 29 * Math.abs(weight) / size;
      const bar = draw(svg, "rect", { x: k * 4 + 0.5, width: 3, y: weight > 0 ? 30 - height : 30, height });
      draw(bar, "title", {}).textContent = `${index.classes[prop][k]}: ${weight.toFixed(2)}`;
    });
    return make("figure", {}, svg, make("figcaption", { textContent: `${prop}: ${index.classes[prop][0]} to ${index.classes[prop].at(-1)}` }));
  }

  function waveform(clip) {
    const { seconds, peaks } = index.clips[clip.clip];
    const svg = picture(peaks.length, 40, `Waveform with the feature's activation; strongest at ${clip.time.toFixed(1)} seconds`);
    const wave = peaks.map((peak, i) => `M${i + 0.5} ${20 - peak / 5}v${Math.max(0.5, peak / 2.5)}`).join("");
    draw(svg, "path", { d: wave, class: "wave" });
    const line = clip.curve.map((value, i) => `${peaks.length * i / (clip.curve.length - 1)},${40 - value * 0.38}`).join(" ");
    draw(svg, "polyline", { points: line, class: "activation" });
    const x = peaks.length * clip.time / seconds;
    draw(svg, "line", { x1: x, x2: x, y1: 0, y2: 40, class: "moment" });
    return svg;
  }

  let release;
  function open(number, chosen) {
    const one = byNumber.get(number);
    if (!one) return;
    shown = number;
    mark();
    release?.();
    release = undefined;
    const audio = make("audio", { controls: true, preload: "none", hidden: true });
    audio.setAttribute("aria-label", `Clip that excites feature ${number}`);
    const status = make("p", { className: "audiosae-status" });
    status.setAttribute("role", "status");
    const clips = one.clips.map((clip) => {
      const { text } = index.clips[clip.clip];
      const button = make("button", { type: "button", textContent: `▶ from ${Math.max(0, clip.time - LEAD).toFixed(1)} s` });
      button.setAttribute("aria-label", `Play ${text} from ${Math.max(0, clip.time - LEAD).toFixed(1)} seconds`);
      button.addEventListener("click", async () => {
        audio.load();  // in the click itself, or a telephone would not let it play once the sound has come
        try {
          const sound = await fetchClip(clip.clip);
          release?.();
          release = sound.release;
          audio.hidden = false;
          audio.src = sound.url;
          audio.addEventListener("loadedmetadata", () => { audio.currentTime = Math.max(0, clip.time - LEAD); }, { once: true });
          await audio.play();
          status.textContent = "";
        } catch (error) {
          if (error.name !== "AbortError") status.textContent = error.message;
        }
      });
      return make("li", {}, make("div", {}, button, make("span", { textContent: text }),
        make("small", { textContent: `activation ${clip.activation.toFixed(1)}` })), waveform(clip));
    });
    const near = one.near.flatMap(([other, cosine], i) => {
      const text = `${other} (${cosine.toFixed(2)})`;
      const node = byNumber.has(other) ? make("a", { href: `#${anchor}-${other}`, textContent: text }) : make("span", { textContent: text });
      if (byNumber.has(other)) {
        node.addEventListener("click", (event) => {
          event.preventDefault();
          open(other, true);
        });
      }
      return i ? [", ", node] : [node];
    });
    card.replaceChildren(
      make("h2", { textContent: `Feature ${number}` }),
      make("p", {}, "Speaks most for ", make("b", { textContent: `${one.property} ${name(one)}` }),
        `, to whose score it adds ${one.strength.toFixed(2)} in an average frame of that class. It fires in ${(100 * one.fires).toFixed(1)} % of the frames.`),
      make("div", { className: "audiosae-weights" }, ...PROPERTIES.map((prop) => bars(one, prop))),
      make("h3", { textContent: "Where it is strongest" }),
      make("ol", { className: "audiosae-clips" }, ...clips), audio, status,
      make("p", {}, "Nearest features, by the cosine of their decoder directions: ", ...near),
    );
    element.dataset.feature = number;
    if (chosen && address) history.replaceState(null, "", `#${anchor}-${number}`);
    if (chosen && card.getBoundingClientRect().top > innerHeight * 0.8) card.scrollIntoView({ block: "start" });
  }

  for (const input of [search, property, sort, least]) input.addEventListener("input", filter);
  const fromAddress = () => {
    const named = address && new RegExp(`^#${anchor}-(\\d+)$`).exec(location.hash);
    if (named) open(Number(named[1]), false);
    return Boolean(named);
  };
  if (address) window.addEventListener("hashchange", fromAddress);
  filter();
  if (fromAddress()) element.scrollIntoView({ block: "start" });
  else open([...index.cards].sort(SORTS.strength[1])[0].feature, false);
}

// The form in JupyterLab: anywidget calls this, and Python answers each question with an MP3, see `widgets.sound`.
function render({ model, el, experimental }) {
  const element = make("div", { className: "audiosae-features" });
  el.append(element);
  build(element, model.get("index"), async (clip) => {
    const [{ error }, buffers] = await experimental.invoke("ask", { clip }, { signal: new AbortController().signal });
    if (error) throw new Error(error);
    const url = URL.createObjectURL(new Blob([buffers[0]], { type: "audio/mpeg" }));
    return { url, release: () => URL.revokeObjectURL(url) };
  }, false);
}

export default { render };
