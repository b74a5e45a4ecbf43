"use strict";
/* Shows crystals in 3D with 3Dmol.js.
   showCrystals(element, scenes, inserted): `scenes` are those of Scene.to_json, each with a
   `title`; `inserted` is the colour of inserted sites. Returns {show(index), viewer, count}. */
function showCrystals(element, scenes, inserted, onShow) {
  const stage = element.querySelector(".stage");
  const options = { before: true, hydrogen: true, labels: false, polyhedra: false };
  const viewer = window.$3Dmol.createViewer(stage, {
    backgroundColor: "white", antialias: true, orthographic: true, disableFog: true,
  });
  if (!viewer) return null;
  let current = 0, isZoomed = false;

  function point(xyz) { return { x: xyz[0], y: xyz[1], z: xyz[2] }; }

  function addAtoms(scene) {
    const atoms = scene.symbols.map((symbol, index) => ({
      elem: symbol, serial: index, index: index, ...point(scene.positions[index]),
      bonds: [], bondOrder: [], properties: { inserted: 0 },
    }));
    for (const index of scene.inserted) atoms[index].properties.inserted = 1;
    for (const [one, other] of scene.bonds) {
      atoms[one].bonds.push(other); atoms[one].bondOrder.push(1);
      atoms[other].bonds.push(one); atoms[other].bondOrder.push(1);
    }
    const model = viewer.addModel();
    model.addAtoms(atoms);
    for (const [symbol, [colour, radius]] of Object.entries(scene.balls)) {
      model.setStyle({ elem: symbol }, style(colour, radius));
      model.setStyle({ elem: symbol, properties: { inserted: 1 } }, style(inserted, radius * 1.12));
    }
    viewer.setHoverable({ model: model }, true, showName, hideName);
    viewer.setClickable({ model: model }, true, showName);
  }

  function style(colour, radius) {
    return { sphere: { radius: radius, color: colour }, stick: { radius: 0.085, color: colour } };
  }

  function addCell(scene) {
    const [a, b, c] = scene.cell;
    const corner = (i, j, k) => point([0, 1, 2].map((x) => i * a[x] + j * b[x] + k * c[x]));
    for (const [j, k] of [[0, 0], [0, 1], [1, 0], [1, 1]]) {
      edge(corner(0, j, k), corner(1, j, k));
      edge(corner(j, 0, k), corner(j, 1, k));
      edge(corner(j, k, 0), corner(j, k, 1));
    }
    const names = { a: corner(1.06, 0, 0), b: corner(0, 1.06, 0), c: corner(0, 0, 1.06) };
    for (const [name, position] of Object.entries(names)) {
      label(name, position, { fontColor: "#555", backgroundOpacity: 0 });
    }
  }

  function edge(start, end) {
    viewer.addCylinder({ start: start, end: end, radius: 0.022, color: "#777", fromCap: 1, toCap: 1 });
  }

  function label(text, position, more) {
    return viewer.addLabel(text, {
      position: position, fontSize: 13, fontColor: "#111", backgroundColor: "white",
      backgroundOpacity: 0.75, alignment: "center", inFront: true, ...more,
    });
  }

  function addHydrogenBonds(scene) {
    for (const [hydrogen, acceptor] of scene.hydrogenBonds) {
      viewer.addCylinder({
        start: point(scene.positions[hydrogen]), end: point(scene.positions[acceptor]),
        radius: 0.035, color: "#333", dashed: true, dashLength: 0.18, gapLength: 0.16,
      });
    }
  }

  function addPolyhedra(scene) {
    for (const [middle, faces] of scene.polyhedra) {
      const [colour] = scene.balls[scene.symbols[middle]];
      const centre = scene.positions[middle];
      const shape = { vertexArr: [], normalArr: [], faceArr: [], color: colour, opacity: 0.55 };
      for (const face of faces) {
        const corners = face.map((index) => scene.positions[index]);
        let normal = cross(minus(corners[1], corners[0]), minus(corners[2], corners[0]));
        // Corners go round counterclockwise as seen from outside.
        if (dot(normal, minus(corners[0], centre)) < 0) {
          corners.reverse();
          normal = normal.map((x) => -x);
        }
        const length = Math.hypot(...normal) || 1;
        for (const corner of corners) {
          shape.faceArr.push(shape.vertexArr.length);
          shape.vertexArr.push(vector(corner));
          shape.normalArr.push(vector(normal.map((x) => x / length)));
        }
      }
      viewer.addCustom(shape);
    }
  }
  function vector(xyz) { return new window.$3Dmol.Vector3(xyz[0], xyz[1], xyz[2]); }
  function minus(one, other) { return one.map((x, axis) => x - other[axis]); }
  function dot(one, other) { return one.reduce((sum, x, axis) => sum + x * other[axis], 0); }
  function cross(a, b) {
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  }

  function addHostAsMeasured(scene) {
    for (const [index, position] of Object.entries(scene.before)) {
      const [colour, radius] = scene.balls[scene.symbols[index]];
      const moved = distance(position, scene.positions[index]);
      viewer.addSphere({
        center: point(position), radius: radius * 1.18, color: moved > 0.05 ? "#1b5fc1" : colour,
        opacity: 0.3,
      });
    }
  }

  function distance(one, other) {
    return Math.hypot(one[0] - other[0], one[1] - other[1], one[2] - other[2]);
  }

  let shown = null;
  function showName(atom) {
    hideName();
    const scene = scenes[current];
    const name = scene.labels[atom.index];
    const before = scene.before[atom.index];
    const moved = before ? `, moved by ${distance(before, scene.positions[atom.index]).toFixed(2)} Å` : "";
    shown = label(name + moved, { x: atom.x, y: atom.y, z: atom.z });
  }
  function hideName() {
    if (shown) viewer.removeLabel(shown);
    shown = null;
  }

  function draw() {
    const scene = scenes[current];
    shown = null;
    viewer.removeAllModels();
    viewer.removeAllShapes();
    viewer.removeAllLabels();
    addAtoms(scene);
    addCell(scene);
    if (options.hydrogen) addHydrogenBonds(scene);
    if (options.polyhedra) addPolyhedra(scene);
    if (options.before) addHostAsMeasured(scene);
    if (options.labels) {
      scene.labels.forEach((text, index) => label(text, point(scene.positions[index]), { fontSize: 11 }));
    }
    if (!isZoomed) fit();
    viewer.render();
  }

  /* Lets the crystal fill the stage: zoomTo leaves room for a sphere around it. */
  function fit() {
    viewer.zoomTo();
    const places = viewer.modelToScreen(scenes[current].positions.map(point));
    const extent = (axis) => Math.max(...places.map((p) => p[axis])) - Math.min(...places.map((p) => p[axis]));
    const space = 60;
    viewer.zoom(Math.min(
      (stage.clientWidth - space) / Math.max(extent("x"), 1),
      (stage.clientHeight - space) / Math.max(extent("y"), 1),
      6,
    ));
    isZoomed = true;
  }

  function show(index) {
    current = (index + scenes.length) % scenes.length;
    draw();
    const title = element.querySelector(".title");
    if (title) title.textContent = scenes[current].title;
    element.dataset.shown = current;
    if (onShow) onShow(current);
  }

  for (const box of element.querySelectorAll("input[data-option]")) {
    options[box.dataset.option] = box.checked;
    box.addEventListener("change", () => { options[box.dataset.option] = box.checked; draw(); });
  }
  for (const button of element.querySelectorAll("button[data-step]")) {
    button.addEventListener("click", () => show(current + Number(button.dataset.step)));
  }
  const reset = element.querySelector("button[data-reset]");
  if (reset) {
    reset.addEventListener("click", () => { viewer.setView([0, 0, 0, 0, 0, 0, 0, 1]); isZoomed = false; draw(); });
  }
  new ResizeObserver(() => viewer.resize()).observe(stage);
  show(0);
  element.classList.add("live");
  return { show: show, viewer: viewer, count: scenes.length };
}
