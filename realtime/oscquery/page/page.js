// Builds faders, buttons and keys from the OSCQuery tree and moves them over one WebSocket.
"use strict";

const FIRST_KEY = 54, LAST_KEY = 78, VELOCITY = 100, MOST_FADERS = 64;
const PLAYED = new Set(["note", "transport"]); // set by notes and the transport: a fader would fight
const BLACK = new Set([1, 3, 6, 8, 10]);
const followers = new Map(); // address -> functions that show an array of values
const MOST_PROBLEMS = 5, PROBLEM_MS = 60_000;
let socket = null;

function pad(text) {
  const bytes = new TextEncoder().encode(text);
  const padded = new Uint8Array(bytes.length + 4 - bytes.length % 4);
  padded.set(bytes);
  return padded;
}

function encode(address, types, values) {
  const head = pad(address), tags = pad("," + types);
  const packet = new Uint8Array(head.length + tags.length + 4 * values.length);
  packet.set(head);
  packet.set(tags, head.length);
  const view = new DataView(packet.buffer, head.length + tags.length);
  values.forEach((v, i) => types[i] === "i" ? view.setInt32(4 * i, v) : view.setFloat32(4 * i, v));
  return packet;
}

function text(view, at) {
  let end = at;
  while (view.getUint8(end)) end++;
  const bytes = new Uint8Array(view.buffer, at, end - at);
  return [new TextDecoder().decode(bytes), end + 4 - end % 4];
}

function decode(buffer) {
  const view = new DataView(buffer), [address, tagsAt] = text(view, 0);
  let [tags, at] = text(view, tagsAt);
  const values = [];
  for (const tag of tags.slice(1)) {
    if (tag === "i") values.push(view.getInt32(at));
    else if (tag === "f") values.push(view.getFloat32(at));
    else if (tag === "s") {
      const [word, end] = text(view, at);
      values.push(word);
      at = end;
      continue;
    } else break;
    at += 4;
  }
  return [address, values];
}

// What is sent together takes effect at one sample.
function bundle(packets) {
  const bytes = new Uint8Array(16 + packets.reduce((sum, packet) => sum + 4 + packet.length, 0));
  const view = new DataView(bytes.buffer);
  bytes.set(pad("#bundle"));
  view.setUint32(12, 1); // the time tag of "immediately"
  let at = 16;
  for (const packet of packets) {
    view.setUint32(at, packet.length);
    bytes.set(packet, at + 4);
    at += 4 + packet.length;
  }
  return bytes;
}

function transmit(packet) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(packet);
}

function send(address, types, values) {
  transmit(encode(address, types, values));
}

function sendAll(messages) {
  transmit(bundle(messages.map(message => encode(...message))));
}

function follow(address, show) {
  followers.set(address, [...(followers.get(address) || []), show]);
}

// What was refused, here or to another client, stands on the page for a minute, the newest first.
// Those of one kind share a line: some programs send each message from another port.
function tell(problem, kind = problem) {
  const list = document.getElementById("problems");
  let item = [...list.children].find(child => child.kind === kind);
  if (item) clearTimeout(item.timer);
  else item = Object.assign(document.createElement("li"), { kind });
  item.textContent = problem;
  item.timer = setTimeout(() => item.remove(), PROBLEM_MS);
  list.prepend(item);
  while (list.children.length > MOST_PROBLEMS) list.lastChild.remove();
}

function shown(value, type) {
  return type === "i" ? String(value) : Number(value).toPrecision(4);
}

// Faders go along the curve of their control: from a position, 0 … 1, to a value and back.
function valueAt([curve, exponent], { MIN, MAX }, at) {
  if (curve === "exponential") return MIN * (MAX / MIN) ** at;
  if (curve === "power") return MIN + (MAX - MIN) * at ** exponent;
  if (curve !== "symmetric") return MIN + (MAX - MIN) * at;
  const way = 2 * at - 1;
  return MIN + (MAX - MIN) * (1 + Math.sign(way) * Math.abs(way) ** exponent) / 2;
}

function positionOf([curve, exponent], { MIN, MAX }, value) {
  const share = Math.min(1, Math.max(0, (value - MIN) / (MAX - MIN)));
  if (curve === "exponential") return Math.log(value / MIN) / Math.log(MAX / MIN);
  if (curve === "power") return share ** (1 / exponent);
  if (curve !== "symmetric") return share;
  const way = 2 * share - 1;
  return (1 + Math.sign(way) * Math.abs(way) ** (1 / exponent)) / 2;
}

function addFader(place, node, index) {
  const type = node.TYPE[index], range = node.RANGE[index];
  const name = node.TYPE.length > 1 ? `${node.FULL_PATH}/${index}` : node.FULL_PATH;
  const row = document.createElement("label");
  const input = document.createElement("input"), output = document.createElement("output");
  row.className = "control";
  row.title = node.DESCRIPTION || "";
  row.append(name, input, output);
  const curve = node.CURVE && node.CURVE[index];
  const ends = curve ? { MIN: 0, MAX: 1 } : range;
  Object.assign(input, { type: "range", min: ends.MIN, max: ends.MAX });
  input.step = type === "i" ? 1 : (ends.MAX - ends.MIN) / 1000;
  const show = value => {
    if (input.matches(":active")) return; // what is being dragged is ahead of what comes back
    input.value = curve ? positionOf(curve, range, value) : value;
    output.value = shown(value, type);
  };
  show(node.VALUE[index]);
  input.addEventListener("input", () => {
    const value = curve ? valueAt(curve, range, Number(input.value)) : Number(input.value);
    output.value = shown(value, type);
    send(name, type, [value]);
  });
  place.append(row);
  return show;
}

function addNode(place, node) {
  if (node.TAGS && node.TAGS.some(tag => PLAYED.has(tag))) return;
  if (node.ACCESS === 3 && node.RANGE && node.TYPE.length <= MOST_FADERS) {
    const shows = node.RANGE.map((_, index) => addFader(place, node, index));
    follow(node.FULL_PATH, values => values.forEach((v, i) => shows[i] && shows[i](v)));
  } else if (node.ACCESS === 2 && node.TYPE === "I" && !node.TAGS.includes("command")
             && !node.TAGS.includes("channel")) { // the buttons without a channel do for all
    const button = document.createElement("button");
    button.textContent = node.FULL_PATH;
    button.title = node.DESCRIPTION || "";
    button.addEventListener("click", () => send(node.FULL_PATH, "", []));
    document.getElementById("buttons").append(button, " ");
  } else {
    for (const child of Object.values(node.CONTENTS || {})) addNode(place, child);
  }
}

function addKeys() {
  const keys = document.getElementById("keys");
  keys.replaceChildren();
  for (let key = FIRST_KEY; key <= LAST_KEY; key++) {
    const button = document.createElement("button");
    button.setAttribute("aria-label", `key ${key}`);
    if (BLACK.has(key % 12)) button.classList.add("black");
    const strike = () => { button.classList.add("down"); send("/note/on", "ii", [key, VELOCITY]); };
    const lift = () => {
      if (!button.classList.contains("down")) return;
      button.classList.remove("down");
      send("/note/off", "i", [key]);
    };
    button.addEventListener("pointerdown", strike);
    for (const end of ["pointerup", "pointerleave", "pointercancel"]) {
      button.addEventListener(end, lift);
    }
    keys.append(button);
  }
}

function addMapOf(place, node) {
  const nodes = Object.values(node.CONTENTS || {});
  const tagged = tag => nodes.find(child => child.TAGS && child.TAGS.includes(tag));
  const map = tagged("map"), latent = tagged("latent");
  if (map && latent) addMap(place, map, latent, tagged("place"));
}

function build(tree) {
  const place = document.getElementById("controls");
  followers.clear();
  place.replaceChildren();
  document.getElementById("buttons").replaceChildren();
  for (const [name, node] of Object.entries(tree.CONTENTS)) {
    const title = document.createElement("h2");
    title.textContent = name;
    if (node.CONTENTS && !["note", "meter"].includes(name)) place.append(title);
    addMapOf(place, node);
    addNode(place, node);
    if (place.lastChild === title) title.remove(); // there is no fader below it
  }
  addKeys();
}

async function connect() {
  const state = document.getElementById("state");
  try {
    build(await (await fetch("/", { headers: { Accept: "application/json" } })).json());
  } catch {
    state.textContent = "synth doesn't answer; trying again …";
    setTimeout(connect, 1000);
    return;
  }
  socket = new WebSocket(`ws://${location.host}/`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    state.textContent = "connected";
    send("/notify", "i", [1]); // what is refused to others, too
    for (const address of followers.keys()) {
      socket.send(JSON.stringify({ COMMAND: "LISTEN", DATA: address }));
    }
  };
  socket.onmessage = message => {
    if (typeof message.data === "string") {
      if (message.data.includes("PATH_")) socket.close();
      return;
    }
    const [address, values] = decode(message.data);
    if (address === "/fail") tell(`${values[0]} refused: ${values[1]}`);
    if (address === "/synth/refused") {
      tell(`${values[1]} from ${values[0]}: ${values[2]}`, `${values[1]} ${values[2]}`);
    }
    if (address === "/synth/overload") tell(values[0]);
    for (const show of followers.get(address) || []) show(values);
  };
  socket.onclose = () => {
    state.textContent = "connection lost; trying again …";
    setTimeout(connect, 1000);
  };
}

connect();
