/* Laying the drawing over a map out of one PMTiles file on this server. Where the file cannot be
   read the drawing stays as it is. */
"use strict";
(async () => {
  const box = document.getElementById("map");
  const drawing = document.querySelector("svg[data-drawing]");
  if (!box || !drawing || !box.dataset.map) return;
  const archive = new pmtiles.PMTiles(box.dataset.map);
  let header;
  let said;
  try {
    header = await archive.getHeader();
    said = await archive.getMetadata();
  } catch {
    return;
  }
  // Whose map it is, in words: what the file says, without its links to elsewhere.
  const words = new DOMParser().parseFromString(said?.attribution ?? "", "text/html");
  const attribution = words.body.textContent.trim();
  const VECTOR = 1;
  const [west, north, scale, squeeze, left, top] = drawing.dataset.plane.split(" ").map(Number);
  const onEarth = ([x, y]) => [north - (y - top) / scale, west + (x - left) / (squeeze * scale)];

  const bar = document.createElement("div");
  bar.className = "drawing-bar";
  const swap = document.createElement("button");
  swap.type = "button";
  swap.className = "btn btn-sm btn-light border";
  bar.append(swap);
  box.before(bar);

  box.hidden = false;
  const map = L.map(box, { zoomAnimation: false, fadeAnimation: false, maxZoom: 19 });
  map.attributionControl.setPrefix("Leaflet");
  const layer = header.tileType === VECTOR
    ? protomapsL.leafletLayer({ url: archive, flavor: "light", lang: "zh", maxDataZoom: header.maxZoom, attribution })
    : pmtiles.leafletRasterLayer(archive, { maxNativeZoom: header.maxZoom, maxZoom: 19, attribution });
  layer.addTo(map);

  const places = [];
  for (const polygon of drawing.querySelectorAll("polygon.area")) {
    const corners = polygon.getAttribute("points").trim().split(/\s+/).map((pair) => onEarth(pair.split(",").map(Number)));
    L.polygon(corners, { className: "area" })
      .bindTooltip(polygon.textContent)
      .on("click", () => polygon.closest("a").dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true })))
      .addTo(map);
    places.push(...corners);
  }
  for (const circle of drawing.querySelectorAll("circle.spot")) {
    const at = [Number(circle.dataset.lat), Number(circle.dataset.lon)];
    L.circleMarker(at, { radius: Number(circle.getAttribute("r")) * 0.6, className: circle.getAttribute("class") })
      .bindTooltip(circle.textContent)
      .on("click", () => circle.closest("a").dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true })))
      .addTo(map);
    places.push(at);
  }
  const show = (withMap) => {
    box.hidden = !withMap;
    drawing.hidden = withMap;
    drawing.classList.toggle("away", withMap);
    swap.textContent = withMap ? box.dataset.plain : box.dataset.mapped;
    for (const other of document.querySelectorAll(".cover-map > .drawing-bar")) {
      if (other !== bar) other.hidden = withMap;
    }
    if (withMap) {
      map.invalidateSize();
      map.fitBounds(L.latLngBounds(places).pad(0.05));
    }
  };
  swap.addEventListener("click", () => show(box.hidden));
  show(true);
})();
