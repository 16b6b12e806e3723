// The page at /: asks this server's own routes, and shows what they answer. No part of an answer is ever taken as markup.
const $ = (selector, root = document) => root.querySelector(selector);

/** An element with these properties and children. */
function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const say = text => { $("#status").textContent = text; };
const milliseconds = value => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
const percent = score => `${(100 * score).toFixed(score < 0.0995 ? 2 : 1)} %`;
const short = value => Number(value.toPrecision(3)).toString();

let models = [];
// Whether requests need not name the model.
let isAlone = true;
const model = () => models.find(model => model.name === $("#model").value) ?? models[0];

/** The key that the server asks for, if it does; kept until this tab is closed. */
const key = {
  get header() {
    try {
      const key = sessionStorage.getItem("key");
      return key ? { Authorization: `Bearer ${key}` } : {};
    } catch {
      return {};
    }
  },
  ask() {
    $("#key").hidden = false;
    $("#key input").focus();
  },
};

$("#key").addEventListener("submit", event => {
  event.preventDefault();
  try {
    sessionStorage.setItem("key", $("#key input").value);
  } catch {
    say("This browser does not let the page keep a key.");
    return;
  }
  $("#key").hidden = true;
  loadModels();
});

/** What a server says, or what kept it from saying anything: {answer} or {problem}. */
async function ask(path, options) {
  try {
    const response = await fetch(path, { ...options, headers: key.header });
    const text = await response.text();
    if (response.status === 401) key.ask();
    try {
      const answer = JSON.parse(text);
      if (response.ok) return { answer };
      return { problem: answer, after: Number(response.headers.get("Retry-After")) };
    } catch {
      return { problem: { status: response.status, title: response.statusText || "Refused", detail: text.slice(0, 500) } };
    }
  } catch {
    const detail = "The server did not answer, or refused the picture before it had all of it: is it running, and is the file not too large?";
    return { problem: { title: "No answer", detail } };
  }
}

// Models

async function loadModels() {
  const { answer, problem } = await ask("models");
  if (problem) {
    $("#serving").textContent = problem.detail;
    if (problem.status !== 401) setTimeout(loadModels, 2000);
    return;
  }
  // A version is asked by the name that every route takes: NAME@VERSION. What was never loaded has nothing to show.
  models = answer.models.filter(({ state, classes }) => state !== "failed" && classes)
    .map(one => one.version ? { ...one, name: `${one.name}@${one.version}` } : one);
  isAlone = answer.models.length === 1;
  if (!models.length) {
    $("#serving").textContent = "There is no model yet.";
    setTimeout(loadModels, 2000);
    return;
  }
  $("#model").replaceChildren(...models.map(({ name, precision }) => element("option", { value: name, textContent: `${name} (${precision})` })));
  $("#choice").hidden = models.length < 2;
  showModel();
}

function showModel() {
  const { name, precision, input_size: [, height, width], classes, parameters } = model();
  $("#serving").textContent =
    `${name} in ${precision}: ${classes} classes, ${(parameters / 1e6).toFixed(1)} million parameters, sees ${width} × ${height} pixels.`;
  showCommand();
}

// Pictures

const cards = [];

function take(files) {
  const pictures = [...files];
  if (!pictures.length) return;
  say(pictures.length > 1 ? `Classifying ${pictures.length} pictures.` : `Classifying ${pictures[0].name}.`);
  for (const file of pictures.reverse()) {
    const card = new Card(file);
    cards.unshift(card);
    card.classify();
  }
  showChoices(true);
  showCommand();
}

class Card {
  constructor(file) {
    this.file = file;
    this.root = $("#card").content.firstElementChild.cloneNode(true);
    this.part = selector => $(selector, this.root);
    this.part("h3").textContent = this.part("h3").title = file.name;
    this.sent = this.part(".sent");
    this.sent.src = URL.createObjectURL(file);
    this.sent.alt = `${file.name}, as it was sent`;
    // Formats that the browser does not show may be the server's all the same.
    this.sent.addEventListener("error", () => { this.sent.hidden = true; });
    this.part(".close").setAttribute("aria-label", `Remove ${file.name}`);
    this.part(".close").addEventListener("click", () => this.remove());
    const strength = this.part(".strength input");
    strength.addEventListener("input", () => this.setStrength());
    this.grid = new GateGrid(this.part(".gates canvas"), this.part(".gates .at"));
    $("#results").prepend(this.root);
  }

  remove() {
    URL.revokeObjectURL(this.sent.src);
    this.root.remove();
    cards.splice(cards.indexOf(this), 1);
    showChoices(true);
    showCommand();
    $("#files").focus();
  }

  /** Asks for all that is shown, or for the map of one class alone. */
  async classify(map = "1") {
    this.model = model();
    const isFirst = map === "1";
    if (isFirst) this.root.classList.add("busy");
    const query = new URLSearchParams({ top: Math.min(5, this.model?.classes ?? 1), map });
    if (!isAlone) query.set("model", this.model.name);
    if (isFirst) for (const [name, value] of [["input", "1"], ["gates", "full"]]) query.set(name, value);
    const request = () => ask(`classify?${query}`, { method: "POST", body: this.file });
    let { answer, problem, after } = await request();
    if (problem?.code === "no_map") {
      this.noMap = problem.detail;
      query.set("map", "0");
      ({ answer, problem, after } = await request());
    }
    this.root.classList.remove("busy");
    if (problem) return this.fail(problem, after, map);
    this.root.classList.remove("failed");
    this.part(".error").hidden = true;
    if (isFirst) this.show(answer);
    this.showMap(answer.map);
  }

  fail(problem, after, map) {
    const again = element("button", { type: "button", textContent: "Try again" });
    again.addEventListener("click", () => {
      this.classify(map);
      showChoices(true);
    });
    const heading = [problem.status, problem.title].filter(Boolean).join(" ");
    this.part(".error").replaceChildren(element("b", { textContent: heading }), `: ${problem.detail}`, again);
    this.part(".error").hidden = false;
    this.root.classList.toggle("failed", !this.answer);
    if (after) {
      again.disabled = true;
      setTimeout(() => { again.disabled = false; }, 1000 * after);
    }
    say(`${this.file.name}: ${problem.title}.`);
    showChoices();
  }

  show(answer) {
    this.answer = answer;
    const { predictions, input, timing_ms: times, image, batch_size: batch } = answer;
    if (input) {
      const seen = this.part(".seen");
      seen.src = `data:image/png;base64,${input.png}`;
      seen.alt = `${this.file.name}, the ${input.width} by ${input.height} pixels that the network saw`;
      seen.classList.toggle("coarse", input.width < 120);
      seen.hidden = false;
      this.sent.hidden = true;
      this.part(".picture").style.aspectRatio = `${input.width} / ${input.height}`;
    }
    this.part(".labels").replaceChildren(...predictions.map(prediction => this.label(prediction)));
    this.showTimes(times);
    const facts = [
      `${this.model.name} in ${this.model.precision}, in a batch of ${batch}.`,
      ` The file: ${image.format}, ${image.width} × ${image.height}, ${image.mode.replace("_", " ")}.`,
    ];
    if (input) facts.push(` The network saw it ${input.description}.`);
    for (const warning of image.warnings ?? []) facts.push(element("strong", { textContent: ` Passed over: ${warning}.` }));
    this.part(".facts").replaceChildren(...facts);
    this.grid.show(answer.gates ?? [], gate => gate.values, value => value);
    if (!answer.gates?.length) this.part(".gates .at").textContent = "This network has no gates.";
    say(`${this.file.name}: ${predictions[0].label}, ${percent(predictions[0].score)}.`);
    showChoices();
  }

  label(prediction) {
    const bar = element("i");
    bar.style.width = `${100 * prediction.score}%`;
    const button = element("button", { type: "button", title: [prediction.label, ...(prediction.synonyms ?? [])].join(", ") },
      bar, element("span", { textContent: prediction.label }), element("b", { textContent: percent(prediction.score) }));
    button.dataset.index = prediction.index;
    button.setAttribute("aria-pressed", "false");
    // A class that is called 0 or 1 would be taken for the switch.
    const name = ["0", "1"].includes(prediction.class) ? prediction.label : prediction.class;
    button.addEventListener("click", () => this.classify(name));
    return element("li", {}, button);
  }

  showTimes(times) {
    const stages = ["receive", "decode", "queue", "inference"];
    const strip = element("div", { className: "strip" });
    const key = element("div", { className: "key" });
    for (const stage of stages) {
      const part = element("i", { className: stage });
      part.style.flexGrow = times[stage];
      strip.append(part);
      key.append(element("span", {}, element("i", { className: stage }), `${stage} ${milliseconds(times[stage])}`));
    }
    key.append(element("span", { textContent: `total ${milliseconds(times.total)}` }));
    this.part(".times").replaceChildren(strip, key);
    this.part(".times").setAttribute("aria-label", stages.map(stage => `${stage} ${milliseconds(times[stage])}`).join(", "));
  }

  /** The stronger the map, the grayer the picture under it. */
  setStrength() {
    const part = this.part(".map").hidden ? 0 : this.part(".strength input").value / 100;
    this.part(".map").style.opacity = part;
    this.part(".picture").style.setProperty("--strength", part);
  }

  /** Lays where a class is seen over the crop: the least of its values is clear, the most is orange. */
  showMap(map) {
    const canvas = this.part(".map");
    canvas.hidden = !map;
    this.part(".strength input").disabled = !map;
    this.setStrength();
    for (const button of this.root.querySelectorAll(".labels button")) {
      button.setAttribute("aria-pressed", String(map?.index === Number(button.dataset.index)));
      button.disabled = !map;
    }
    if (!map) {
      this.part(".legend").textContent = this.noMap ?? "";
      return;
    }
    const values = map.values.flat();
    const [least, most] = [Math.min(...values), Math.max(...values)];
    [canvas.width, canvas.height] = [map.width, map.height];
    const pixels = new ImageData(map.width, map.height);
    values.forEach((value, index) => {
      const part = most > least ? (value - least) / (most - least) : 0;
      pixels.data.set([255, 110, 0, 235 * part], 4 * index);
    });
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    this.part(".legend").textContent =
      `Orange speaks for “${map.label}”: ${short(least)} to ${short(most)} over ${map.width} × ${map.height} places.`;
  }
}

// Gates

const scheme = matchMedia("(prefers-color-scheme: dark)");

/** Rows of channels, one a block, with a pointer for mouse, finger and keys. */
class GateGrid {
  constructor(canvas, text) {
    [this.canvas, this.text, this.rows] = [canvas, text, []];
    canvas.addEventListener("pointermove", event => this.point(event));
    canvas.addEventListener("pointerdown", event => this.point(event));
    canvas.addEventListener("keydown", event => this.move(event));
    scheme.addEventListener("change", () => this.draw());
  }

  /** @param shade - what of a value is drawn: -1 is blue, 0 the ground, 1 orange. */
  show(gates, values, shade) {
    this.rows = gates.map(gate => ({ name: gate.name, values: values(gate) }));
    [this.row, this.channel, this.shade] = [0, 0, shade];
    if (this.rows.length) this.text.textContent = "Point at a gate, or use the arrow keys: 0 shuts a channel, 1 lets it through.";
    this.draw();
  }

  draw() {
    const { canvas, rows } = this;
    if (!rows.length) return;
    const isDark = scheme.matches;
    const [ground, warm, cold] = isDark ? [[43, 43, 39], [255, 154, 77], [109, 159, 230]] : [[243, 242, 236], [184, 74, 0], [40, 90, 170]];
    [canvas.width, canvas.height] = [Math.max(...rows.map(row => row.values.length)), rows.length * 4];
    const pixels = new ImageData(canvas.width, canvas.height);
    for (let y = 0; y < canvas.height; y++) {
      const { values } = rows[y >> 2];
      for (let x = 0; x < canvas.width; x++) {
        const amount = this.shade(values[Math.floor(x * values.length / canvas.width)]);
        // The fourth line is the gap between blocks.
        const part = (y & 3) === 3 ? 0 : Math.min(1, Math.abs(amount));
        const colour = amount < 0 ? cold : warm;
        for (let i = 0; i < 3; i++) pixels.data[4 * (y * canvas.width + x) + i] = ground[i] + part * (colour[i] - ground[i]);
        pixels.data[4 * (y * canvas.width + x) + 3] = 255;
      }
    }
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  }

  point(event) {
    if (!this.rows.length) return;
    const box = this.canvas.getBoundingClientRect();
    const inside = (part, count) => Math.max(0, Math.min(count - 1, Math.floor(part * count)));
    this.row = inside((event.clientY - box.top) / box.height, this.rows.length);
    this.channel = inside((event.clientX - box.left) / box.width, this.rows[this.row].values.length);
    this.tell();
  }

  move(event) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step || !this.rows.length) return;
    event.preventDefault();
    this.row = Math.max(0, Math.min(this.rows.length - 1, this.row + step[0]));
    this.channel = Math.max(0, Math.min(this.rows[this.row].values.length - 1, this.channel + step[1]));
    this.tell();
  }

  tell() {
    const { name, values } = this.rows[this.row];
    this.text.textContent = `${name}, channel ${this.channel} of ${values.length}: ${values[this.channel].toFixed(3)}`;
  }
}

// Two pictures

const difference = new GateGrid($("#difference"), $("#difference-at"));

/** @param mayMove - whether a person has just asked for a change: when an answer comes, what is not shown keeps its place. */
function showChoices(mayMove = false) {
  const shown = cards.filter(card => card.answer?.gates?.length);
  const hopeful = cards.filter(({ root }) => !root.classList.contains("failed") || root.classList.contains("busy"));
  if (mayMove) $("#compare").hidden = hopeful.length < 2;
  $("#compare").classList.toggle("vacant", shown.length < 2);
  const picks = [$("#one"), $("#other")];
  const before = picks.map(pick => pick.card);
  picks.forEach((pick, place) => {
    pick.replaceChildren(...shown.map((card, index) => element("option", { value: index, textContent: `${index + 1}: ${card.file.name}` })));
    pick.shown = shown;
    const kept = shown.indexOf(before[place]);
    if (shown.length) pick.selectedIndex = kept >= 0 ? kept : Math.min(place, shown.length - 1);
  });
  if (shown.length > 1 && picks[0].selectedIndex === picks[1].selectedIndex) picks[1].selectedIndex = picks[0].selectedIndex ? 0 : 1;
  compare();
}

function compare() {
  const [one, other] = [$("#one"), $("#other")].map(pick => (pick.card = pick.shown?.[pick.selectedIndex]));
  if (!one || !other) return;
  if (one.model.name !== other.model.name) {
    difference.rows = [];
    difference.canvas.width = 1;
    difference.text.textContent = "These two were classified by different models, whose gates have nothing to do with each other.";
    return;
  }
  const gates = one.answer.gates.map((gate, block) => {
    const { values } = other.answer.gates[block];
    return { name: gate.name, values: gate.values.map((value, channel) => value - values[channel]) };
  });
  difference.show(gates, gate => gate.values, value => 2 * value);
  const all = gates.flatMap(({ name, values }) => values.map((value, channel) => ({ name, value, channel })));
  const { name, value, channel } = all.reduce((most, next) => Math.abs(next.value) > Math.abs(most.value) ? next : most);
  difference.text.textContent = `They part most in ${name}, channel ${channel}: by ${Math.abs(value).toFixed(3)}, more open in the ${value > 0 ? "first" : "second"}.`;
}

// The command line

const quoted = text => /^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

const dialects = [
  ["/classify", "Excite: labels", (file, host, name) => `curl -F image=@${file} ${quoted(`${host}/classify${name && `?model=${encodeURIComponent(name)}`}`)}`],
  ["/embed", "Excite: features", (file, host, name) => `curl -F image=@${file} ${quoted(`${host}/embed${name && `?model=${encodeURIComponent(name)}`}`)}`],
  ["/v2/models/{model}/infer", "Open Inference Protocol (Triton, KServe)", (file, host) =>
    `curl ${quoted(`${host}/v2/models/${encodeURIComponent(model().name)}/infer`)} -d '{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": ["'$(base64 -w0 ${file})'"]}], "outputs": [{"name": "probabilities", "parameters": {"classification": 5}}]}'`],
  ["/predictions/{model}", "TorchServe", (file, host) => `curl ${quoted(`${host}/predictions/${encodeURIComponent(model().name)}`)} -T ${file}`],
  ["/v1/models/{model}:predict", "TensorFlow Serving", (file, host) =>
    `curl ${quoted(`${host}/v1/models/${encodeURIComponent(model().name)}:predict`)} -d '{"instances": [{"b64": "'$(base64 -w0 ${file})'"}]}'`],
  ["/", "Hugging Face", (file, host, name) =>
    `curl --data-binary @${file} -H 'Content-Type: image/jpeg' ${quoted(`${host}/${name && `models/${encodeURIComponent(name)}`}`)}`],
];

async function loadDialects() {
  const { answer } = await ask("openapi.json");
  const served = dialects.filter(([path]) => answer?.paths?.[path]?.post ?? path === "/classify");
  $("#dialect").replaceChildren(...served.map(([path, title]) => element("option", { value: path, textContent: title })));
  showCommand();
}

function showCommand() {
  const [, , write] = dialects.find(([path]) => path === $("#dialect").value) ?? dialects[0];
  if (!models.length) return;
  const name = isAlone ? "" : model().name;
  const command = write(quoted(cards[0]?.file.name || "cat.jpg"), location.origin.replace(/^http:\/\//, ""), name);
  // The key itself stands nowhere on the page.
  $("#command").textContent = key.header.Authorization ? command.replace("curl", 'curl -H "Authorization: Bearer $EXCITE_KEY"') : command;
}

async function copy() {
  try {
    await navigator.clipboard.writeText($("#command").textContent);
    say("Copied.");
  } catch {
    getSelection().selectAllChildren($("#command"));
    say("The browser lets no page copy here: the command is selected, press Ctrl+C.");
  }
}

// What the server does

/** Prometheus' text: [name, labels, value] of each sample. */
function samples(text) {
  return text.split("\n").filter(line => line && line[0] !== "#").map(line => {
    const [, name, labels, value] = line.match(/^([^{ ]+)(?:\{(.*)\})? (\S+)/) ?? [];
    return { name, value: Number(value), labels: Object.fromEntries([...(labels ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(label => label.slice(1))) };
  });
}

/** Sums by the upper bounds of a histogram's buckets. */
function buckets(all, name, isCounted) {
  const sums = new Map();
  for (const { name: found, labels, value } of all) {
    if (found === `${name}_bucket` && isCounted(labels)) {
      const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
      sums.set(bound, (sums.get(bound) ?? 0) + value);
    }
  }
  return [...sums].sort((a, b) => a[0] - b[0]);
}

/** Where a part of what came between two readings lies, linear within a bucket; null where nothing came. */
function quantile(part, now, before) {
  const known = new Map(before);
  const counts = now.map(([bound, count]) => [bound, count - (known.get(bound) ?? 0)]);
  const total = counts.at(-1)?.[1] ?? 0;
  if (total <= 0) return null;
  let [low, below] = [0, 0];
  for (const [bound, count] of counts) {
    if (count >= part * total) return bound === Infinity ? low : low + (bound - low) * (part * total - below) / Math.max(1, count - below);
    [low, below] = [bound, count];
  }
  return low;
}

class Chart {
  constructor(title, ...write) {
    [this.write, this.lines, this.length] = [write, write.map(() => []), 60];
    this.value = element("b", { textContent: "–" });
    const made = name => document.createElementNS("http://www.w3.org/2000/svg", name);
    this.svg = made("svg");
    for (const [name, value] of [["viewBox", "0 0 100 100"], ["preserveAspectRatio", "none"], ["aria-hidden", "true"]]) this.svg.setAttribute(name, value);
    this.paths = write.map(() => this.svg.appendChild(made("path")));
    this.root = element("figure", { className: "chart" }, element("figcaption", {}, title, this.value), this.svg);
    $(".charts").append(this.root);
  }

  add(...values) {
    values.forEach((value, line) => { this.lines[line].push(value); this.lines[line].splice(0, this.lines[line].length - this.length); });
    const most = Math.max(...this.lines.flat().map(value => value ?? 0), 1e-9);
    this.paths.forEach((path, line) => {
      let text = "";
      this.lines[line].forEach((value, index) => {
        if (value === null) return;
        const x = 100 * (this.length - this.lines[line].length + index) / (this.length - 1);
        text += `${text ? "L" : "M"}${x.toFixed(1)} ${(96 - 90 * value / most).toFixed(1)}`;
      });
      path.setAttribute("d", text);
    });
    this.value.textContent = values.map((value, line) => value === null ? "–" : this.write[line](value)).join(" · ");
  }
}

function watch() {
  if (!$("#live")) return;
  const seconds = name => value => `${name} ${milliseconds(1000 * value)}`;
  const charts = [
    new Chart("Requests a second", value => value.toFixed(1)), new Chart("Images a batch", value => value.toFixed(1)),
    new Chart("Waiting images", value => String(value)), new Chart("Time", seconds("p50"), seconds("p99")),
  ];
  const isCounted = ({ kind }) => kind === "inference";
  let last;
  async function read() {
    if (document.hidden) return;
    try {
      const all = samples(await (await fetch("metrics", { headers: key.header })).text());
      const sum = (name, isWanted = () => true) =>
        all.filter(sample => sample.name === name && isWanted(sample.labels)).reduce((total, { value }) => total + value, 0);
      const now = {
        at: performance.now(), requests: sum("excite_requests_total", isCounted), batches: sum("excite_batch_size_count"),
        images: sum("excite_batch_size_sum"), waiting: sum("excite_queue_depth"), times: buckets(all, "excite_request_seconds", isCounted),
      };
      if (last && now.requests >= last.requests) {
        const batches = now.batches - last.batches;
        charts[0].add((now.requests - last.requests) / (now.at - last.at) * 1000);
        charts[1].add(batches > 0 ? (now.images - last.images) / batches : null);
        charts[2].add(now.waiting);
        charts[3].add(quantile(0.5, now.times, last.times), quantile(0.99, now.times, last.times));
      }
      last = now;
    } catch {
      last = undefined;
    }
  }
  read();
  setInterval(read, 2000);
}

// Ways in

for (const input of [$("#files"), $("#camera")]) {
  input.addEventListener("change", () => {
    take(input.files);
    input.value = "";
  });
}
$("#example").addEventListener("click", async () => {
  const response = await fetch("page.jpg");
  take([new File([await response.blob()], "coffee.jpg", { type: "image/jpeg" })]);
});
document.addEventListener("paste", event => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length) event.preventDefault();
  take(files);
});
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, event => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    $("#drop").classList.add("over");
  });
}
document.addEventListener("dragleave", event => { if (!event.relatedTarget) $("#drop").classList.remove("over"); });
document.addEventListener("drop", event => {
  event.preventDefault();
  $("#drop").classList.remove("over");
  take(event.dataTransfer?.files ?? []);
});
$("#model").addEventListener("change", () => {
  showModel();
  for (const card of cards) card.classify();
});
$("#dialect").addEventListener("change", showCommand);
$("#copy").addEventListener("click", copy);
for (const pick of [$("#one"), $("#other")]) pick.addEventListener("change", compare);

loadModels();
loadDialects();
watch();
