/* The print button of a file: shown where scripts run, opens the browser's own printing. */
"use strict";
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
