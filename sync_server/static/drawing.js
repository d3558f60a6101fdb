/* Zooming and moving a drawn map: wheel, drag, plus and minus. Without it the map stands still. */
"use strict";
(() => {
  for (const svg of document.querySelectorAll("svg[data-drawing]")) {
    const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
    const view = { x: 0, y: 0, scale: 1 };
    let held = null;
    let moved = false;

    const show = () => {
      const w = width / view.scale;
      const h = height / view.scale;
      view.x = Math.min(Math.max(view.x, 0), width - w);
      view.y = Math.min(Math.max(view.y, 0), height - h);
      svg.setAttribute("viewBox", `${view.x} ${view.y} ${w} ${h}`);
    };
    const at = (event) => {
      const box = svg.getBoundingClientRect();
      return [
        view.x + ((event.clientX - box.left) / box.width) * (width / view.scale),
        view.y + ((event.clientY - box.top) / box.height) * (height / view.scale),
      ];
    };
    const zoom = (factor, x, y) => {
      const scale = Math.min(Math.max(view.scale * factor, 1), 12);
      view.x = x - ((x - view.x) * view.scale) / scale;
      view.y = y - ((y - view.y) * view.scale) / scale;
      view.scale = scale;
      show();
    };

    svg.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.25 : 0.8, ...at(event));
    }, { passive: false });
    svg.addEventListener("pointerdown", (event) => {
      held = at(event);
      moved = false;
    });
    svg.addEventListener("pointermove", (event) => {
      if (!held || view.scale === 1) return;
      const [x, y] = at(event);
      if (Math.hypot(x - held[0], y - held[1]) * view.scale < 6 && !moved) return;
      moved = true;
      view.x -= x - held[0];
      view.y -= y - held[1];
      show();
    });
    const drop = () => { held = null; };
    svg.addEventListener("pointerup", drop);
    svg.addEventListener("pointerleave", drop);
    // A drag that ends on a spot is no click on it.
    svg.addEventListener("click", (event) => { if (moved) event.preventDefault(); }, true);
    svg.addEventListener("dragstart", (event) => event.preventDefault());

    const bar = document.createElement("div");
    bar.className = "drawing-bar";
    const middle = () => [view.x + width / view.scale / 2, view.y + height / view.scale / 2];
    for (const [sign, act] of [
      ["+", () => zoom(1.5, ...middle())],
      ["−", () => zoom(1 / 1.5, ...middle())],
      ["⤢", () => { view.scale = 1; show(); }],
    ]) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "btn btn-sm btn-light border";
      button.textContent = sign;
      button.setAttribute("aria-label", sign);
      button.addEventListener("click", act);
      bar.append(button);
    }
    svg.before(bar);
  }
})();
