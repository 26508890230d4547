// Draws an instrument's map: the sounds that it learned from, as points along the first two latent
// axes, and the place where it stands, which can be dragged. The third axis has a slider.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = 30, LABEL_PX = 13; // pixels
const MANY = 100; // points that are drawn small
const KEY_STEP = 0.01, NEAR = 0.02; // shares of a range
const MOST_GOALS = 48;
const QUIET_MS = 250; // after an own movement, what comes back is older than what is shown

function drawn(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (parent) parent.append(element);
  return element;
}

// Moves along the axes of one control: keeps where it stands, and tells the server and `changed`.
// Where `switched`, an own control, says whether that is a place or an offset, it becomes a place.
function latentMover(latent, switched, changed) {
  const ranges = latent.RANGE, at = latent.VALUE.slice();
  let held = false, quietUntil = 0, waiting = null, timer = 0;
  const take = () => {
    if (!waiting) return;
    clearTimeout(timer);
    const left = held ? QUIET_MS : quietUntil - performance.now();
    if (left > 0) { timer = setTimeout(take, left); return; }
    waiting.forEach((value, axis) => { at[axis] = value; });
    waiting = null;
    changed(at);
  };
  const go = goals => { // axis -> value
    const messages = switched.isPlace() ? [] : [switched.message()];
    for (const [axis, value] of goals) {
      if (axis >= at.length) continue;
      at[axis] = Math.min(Math.max(value, ranges[axis].MIN), ranges[axis].MAX);
      messages.push([`${latent.FULL_PATH}/${axis}`, "f", [at[axis]]]);
    }
    quietUntil = performance.now() + QUIET_MS;
    sendAll(messages);
    changed(at);
  };
  const span = axis => ranges[axis].MAX - ranges[axis].MIN;
  return {
    at, go, span,
    step: (axis, share) => axis < at.length && go([[axis, at[axis] + share * span(axis)]]),
    hold: now => { held = now; },
    show: values => { waiting = values; take(); },
  };
}

// The control that says whether the axes are the place itself; without one, they always are.
function placeSwitch(node, changed) {
  let value = node ? node.VALUE[0] : 1;
  const most = node ? node.RANGE[0].MAX : 1;
  return {
    isPlace: () => value >= most,
    message: () => { value = most; return [node.FULL_PATH, "f", [most]]; },
    show: values => { [value] = values; changed(); },
  };
}

// The distance of a sound, in latent units, along as many of the three axes as there are.
function distance(position, at) {
  return Math.hypot(...position.slice(0, at.length).map((value, axis) => value - at[axis]));
}

// The part of the axis that is drawn: the control's range, and the sounds beyond it.
function extent(range, values) {
  const low = Math.min(range.MIN, ...values), high = Math.max(range.MAX, ...values);
  return { range, low, high, span: high - low, share: value => (value - low) / (high - low) };
}

// Puts a label beside its point, where it covers no other one; nowhere if there is no such place.
function placeLabel(label, x, y, taken, width, height) {
  const length = label.getComputedTextLength(), up = LABEL_PX * 0.75;
  const places = [[9, up / 2], [-9 - length, up / 2], [-length / 2, -9], [-length / 2, 9 + up],
                  [7, -7], [7, 7 + up], [-7 - length, -7], [-7 - length, 7 + up],
                  [-length / 2, -9 - LABEL_PX], [-length / 2, 9 + up + LABEL_PX]];
  for (const [right, down] of places) {
    const box = [x + right, y + down - up, x + right + length, y + down + 3];
    const inside = box[0] >= 1 && box[1] >= 1 && box[2] <= width - 1 && box[3] <= height - 1;
    const free = taken.every(o => box[2] < o[0] || box[0] > o[2] || box[3] < o[1] || box[1] > o[3]);
    if (!inside || !free) continue;
    label.setAttribute("x", x + right);
    label.setAttribute("y", y + down);
    taken.push(box);
    return;
  }
  label.remove();
}

// The sounds of each name: { name, hue, sounds: [[x, y, z], …] }, in the order of the names.
function soundsByName(places) {
  const found = new Map();
  for (const [name, ...position] of places) {
    if (!found.has(name)) found.set(name, { name, sounds: [] });
    found.get(name).sounds.push(position);
  }
  const names = [...found.values()].sort((a, b) => a.name.localeCompare(b.name));
  names.forEach((group, index) => { group.hue = Math.round(360 * index / names.length); });
  return names;
}

// The sound of a group that lies nearest to the middle of all of them.
function middle(group) {
  const mean = [0, 1, 2].map(axis =>
    group.sounds.reduce((sum, sound) => sum + sound[axis], 0) / group.sounds.length);
  return group.sounds.reduce((a, b) => distance(b, mean) < distance(a, mean) ? b : a);
}

// The colour of a point says its name, its size and strength how near it is along the third axis.
function drawSounds(parent, groups, toX, toY) {
  return groups.flatMap(({ name, hue, sounds }) => sounds.map(sound => {
    const dot = drawn("circle", { cx: toX(sound[0]), cy: toY(sound[1]), fill: `hsl(${hue} 70% 50%)` }, parent);
    drawn("title", {}, dot).textContent = name;
    return [dot, sound];
  }));
}

function drawLabels(parent, groups, toX, toY, width, height) {
  // The names of the axes stay free, and a lone point is not covered by another one's label.
  const taken = [[width - 80, height - 20, width, height], [0, 0, 80, 20]];
  for (const { sounds } of groups.filter(group => group.sounds.length === 1)) {
    const [x, y] = [toX(sounds[0][0]), toY(sounds[0][1])];
    taken.push([x - 5, y - 5, x + 5, y + 5]);
  }
  for (const group of groups) {
    const label = drawn("text", { class: "name" }, parent), sound = middle(group);
    label.textContent = group.name;
    placeLabel(label, toX(sound[0]), toY(sound[1]), taken, width, height);
  }
}

// The picture: `draw` makes it anew for a width, `show` moves what moves in it, `place` says which
// values a point in it stands for.
function mapPicture(element, groups, axes, name) {
  let dots = [], mark = null, width = 1, height = 1;
  const toX = value => MARGIN + axes[0].share(value) * (width - 2 * MARGIN);
  const toY = value => height - MARGIN - axes[1].share(value) * (height - 2 * MARGIN);

  function draw(newWidth, at) {
    const shape = Math.min(Math.max(axes[1].span / axes[0].span, 0.6), 1);
    [width, height] = [newWidth, Math.min(newWidth * shape, 0.65 * innerHeight)];
    element.replaceChildren();
    element.setAttribute("viewBox", `0 0 ${width} ${height}`);
    element.style.height = `${height}px`;
    const [left, right] = [axes[0].range.MIN, axes[0].range.MAX].map(toX);
    const [bottom, top] = [axes[1].range.MIN, axes[1].range.MAX].map(toY);
    drawn("rect", { class: "reach", x: left, y: top, width: right - left, height: bottom - top, rx: 6 }, element);
    drawn("text", { class: "axis", x: width - 6, y: height - 6, "text-anchor": "end" }, element)
      .textContent = `${name}/0 →`;
    drawn("text", { class: "axis", x: 6, y: 15 }, element).textContent = `${name}/1 ↑`;
    dots = drawSounds(element, groups, toX, toY);
    drawLabels(element, groups, toX, toY, width, height);
    mark = drawn("g", { class: "mark" }, element);
    drawn("circle", { r: 12 }, mark);
    drawn("path", { d: "M-18 0h36M0-18v36" }, mark);
    show(at);
  }

  function show(at) {
    if (!mark) return;
    mark.setAttribute("transform", `translate(${toX(at[0])} ${toY(at[1])})`);
    const large = dots.length > MANY ? 4 : 6;
    for (const [dot, sound] of dots) {
      const off = axes[2] ? Math.min(1, 2 * Math.abs(sound[2] - at[2]) / axes[2].span) : 0;
      dot.setAttribute("r", large * (1 - 0.5 * off));
      dot.setAttribute("opacity", 1 - 0.6 * off);
    }
  }

  const place = (x, y) => [
    axes[0].low + (x - MARGIN) / (width - 2 * MARGIN) * axes[0].span,
    axes[1].high - (y - MARGIN) / (height - 2 * MARGIN) * axes[1].span,
  ];
  return { draw, show, place, get width() { return width; } };
}

function addThird(side, latent, mover) {
  if (latent.RANGE.length < 3) return () => {};
  const label = document.createElement("label"), input = document.createElement("input");
  const range = latent.RANGE[2];
  label.className = "third";
  Object.assign(input, { type: "range", min: range.MIN, max: range.MAX, step: mover.span(2) / 1000 });
  label.append(`${latent.FULL_PATH}/2`, input);
  input.addEventListener("input", () => mover.go([[2, Number(input.value)]]));
  side.append(label);
  return at => { if (!input.matches(":active")) input.value = at[2]; };
}

function addGoals(side, groups, mover) {
  const goals = document.createElement("div");
  goals.className = "goals";
  for (const group of groups.slice(0, MOST_GOALS)) {
    const button = document.createElement("button"), sound = middle(group);
    button.textContent = group.name;
    button.style.setProperty("--hue", group.hue);
    button.addEventListener("click", () => mover.go([...sound.entries()]));
    goals.append(button);
  }
  side.append(goals);
}

function listenToHands(element, picture, latent, mover) {
  const toPlace = event => {
    const box = element.getBoundingClientRect();
    mover.go([...picture.place(event.clientX - box.left, event.clientY - box.top).entries()]);
  };
  let pointer = null;
  element.addEventListener("pointerdown", event => {
    if (pointer !== null || event.button !== 0) return;
    pointer = event.pointerId;
    element.setPointerCapture(pointer);
    mover.hold(true);
    toPlace(event);
  });
  element.addEventListener("pointermove", event => { if (event.pointerId === pointer) toPlace(event); });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    element.addEventListener(end, event => {
      if (event.pointerId !== pointer) return;
      pointer = null;
      mover.hold(false);
    });
  }
  element.addEventListener("wheel", event => { // only where it was chosen: the page scrolls, too
    if (document.activeElement !== element || latent.RANGE.length < 3) return;
    event.preventDefault();
    mover.step(2, -Math.sign(event.deltaY) * KEY_STEP);
  }, { passive: false });
  const keys = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowDown: [1, -1], ArrowUp: [1, 1],
                 PageDown: [2, -1], PageUp: [2, 1] };
  element.addEventListener("keydown", event => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key in keys) {
      const [axis, way] = keys[event.key];
      mover.step(axis, way * KEY_STEP * (event.shiftKey ? 10 : 1));
    } else if (event.key === "Home") mover.go([[0, 0], [1, 0], [2, 0]]);
    else return;
    event.preventDefault();
  });
}

// Adds the map of an instrument to the page. `node` holds the sounds, `latent` is the control that
// moves among them, `placed` (if any) the one that says whether it is a place or an offset.
function addMap(place, node, latent, placed) {
  const groups = soundsByName(node.VALUE);
  const axes = latent.RANGE.slice(0, 3).map((range, axis) =>
    extent(range, node.VALUE.map(sound => sound[axis + 1])));
  const frame = document.createElement("section"), side = document.createElement("div");
  const element = drawn("svg", { tabindex: 0, role: "slider", "aria-valuemin": latent.RANGE[0].MIN,
                                 "aria-valuemax": latent.RANGE[0].MAX });
  element.setAttribute("aria-label",
    `map of ${latent.FULL_PATH}: arrow keys move along the first two axes, Page Up and Page Down`
    + " along the third, with Shift ten times as far; Home goes to 0");
  const readout = document.createElement("output");
  frame.className = "map";
  frame.append(element, side);
  side.append(readout);
  const picture = mapPicture(element, groups, axes, latent.FULL_PATH.split("/").pop());
  let showThird = () => {};
  const changed = at => {
    picture.show(at);
    showThird(at);
    frame.classList.toggle("offset", !switched.isPlace());
    readout.textContent = switched.isPlace() ? told(groups, axes, at)
      : `offset from the sound that plays: ${coordinates(at)}`;
    element.setAttribute("aria-valuenow", at[0]);
    element.setAttribute("aria-valuetext", readout.textContent);
  };
  const switched = placeSwitch(placed, () => changed(mover.at));
  const mover = latentMover(latent, switched, changed);
  showThird = addThird(side, latent, mover);
  addGoals(side, groups, mover);
  listenToHands(element, picture, latent, mover);
  place.append(frame);
  new ResizeObserver(() => {
    const width = element.clientWidth;
    if (width && width !== picture.width) picture.draw(width, mover.at);
  }).observe(element);
  changed(mover.at);
  follow(latent.FULL_PATH, mover.show);
  if (placed) follow(placed.FULL_PATH, switched.show);
}

function coordinates(at) {
  return `(${at.slice(0, 3).map(value => value.toFixed(2)).join(", ")})`;
}

// The sound that is nearest, and the coordinates.
function told(groups, axes, at) {
  let nearest = null, least = Infinity;
  for (const group of groups) {
    for (const sound of group.sounds) {
      const far = distance(sound, at);
      if (far < least) [nearest, least] = [group, far];
    }
  }
  const there = least < NEAR * Math.hypot(...axes.map(axis => axis.span));
  return `${there ? "at" : "near"} ${nearest.name} ${coordinates(at)}`;
}
