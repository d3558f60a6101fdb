/* What the pages do by themselves: the form token for htmx, the idle warning, printing. */
(function () {
  "use strict";

  const DOWNLOAD_MS = 2000;
  const token = document.querySelector('meta[name="csrf-token"]');

  document.addEventListener("htmx:configRequest", function (event) {
    if (event.detail.verb !== "get" && token) {
      event.detail.headers["X-CSRFToken"] = token.content;
    }
    // What a page asks by itself must not keep the desk unlocked.
    if (event.detail.elt.closest("[data-passive]")) {
      event.detail.headers["X-Passive"] = "1";
    }
  });

  // Answers with a refusal carry words for the person: show them where the answer goes.
  document.addEventListener("htmx:beforeSwap", function (event) {
    const status = event.detail.xhr.status;
    if (status === 422 || status === 409 || status === 403) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });

  // The print button of a file is shown where scripts run.
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
  }
  document.addEventListener("click", function (event) {
    if (event.target.closest("[data-print]")) {
      window.print();
    }
  });

  // A second click on a button that is already sending does nothing.
  document.addEventListener("submit", function (event) {
    const form = event.target;
    if (form.dataset.sending) {
      event.preventDefault();
      return;
    }
    if (form.method === "post" && !form.hasAttribute("hx-post")) {
      form.dataset.sending = "1";
      const release = function () { delete form.dataset.sending; };
      window.addEventListener("pageshow", release);
      // A file leaves the page where it is, and nothing tells when it has come.
      if (form.hasAttribute("data-download")) {
        window.setTimeout(release, DOWNLOAD_MS);
      }
    }
  });

  // The idle warning: a minute before the desk locks, sooner where it locks after few minutes.
  const body = document.body;
  const warning = document.getElementById("idle-warning");
  if (!warning || !body.dataset.session) {
    return;
  }
  const WARN_S = Math.min(60, Number(body.dataset.secondsLeft) / 3);
  let timer = 0;

  function plan(secondsLeft) {
    window.clearTimeout(timer);
    warning.hidden = secondsLeft > WARN_S;
    const wait = secondsLeft > WARN_S ? secondsLeft - WARN_S : Math.min(secondsLeft, 5);
    timer = window.setTimeout(look, Math.max(1, wait) * 1000);
  }

  // Another tab may have been used meanwhile, so the program is asked before anything is shown.
  function look() {
    fetch(body.dataset.session, { headers: { "X-Passive": "1" } })
      .then(function (answer) { return answer.json(); })
      .then(function (left) {
        if (left.seconds_left <= 0 && document.querySelector("form[data-unkept]")) {
          timer = window.setTimeout(look, 5000);  // what only the page has would go with it
        } else if (left.seconds_left <= 0) {
          const here = window.location.pathname + window.location.search;
          window.location.assign(body.dataset.unlock + "?next=" + encodeURIComponent(here));
        } else {
          plan(left.seconds_left);
        }
      })
      .catch(function () { timer = window.setTimeout(look, 15000); });
  }

  document.getElementById("idle-keep").addEventListener("click", function () {
    fetch(body.dataset.keep, { method: "POST", headers: { "X-CSRFToken": token.content } })
      .then(function (answer) { return answer.json(); })
      .then(function (left) { plan(left.seconds_left); })
      .catch(look);
  });

  plan(Number(body.dataset.secondsLeft));
}());
