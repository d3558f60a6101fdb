/* Forms, made quicker: drafts kept while typing, keys for the checklist, choices narrowed while
   typing, arrow keys through what was found. Every page works without any of this. */
(function () {
  "use strict";

  const WAIT_MS = 700;
  const AGAIN_MS = 5000;
  const KEEPALIVE_BYTES = 60000;

  // Drafts --------------------------------------------------------------------------------------

  function keepDrafts(form) {
    const status = document.getElementById("draft-status");
    const revision = form.elements.namedItem("_revision");
    let timer = 0;
    let dirty = false;
    let stopped = false;
    let away = false;  // locked, or the program does not answer: only this page has what was typed
    let sure = false;
    let running = null;
    let pause = WAIT_MS;

    function say(words, trouble) {
      if (status && words) {
        status.textContent = words;
        status.classList.toggle("trouble", Boolean(trouble));
      }
    }

    // What only this page has: no script leaves it then, and the person is asked first.
    function mark(unkept) {
      if (unkept) {
        form.dataset.unkept = "1";
      } else {
        delete form.dataset.unkept;
      }
    }

    function setAway(now) {
      const aside = document.getElementById("unlock-aside");
      away = Boolean(now);
      if (aside) {
        aside.hidden = now !== "locked";
      }
    }

    function body() {
      return new URLSearchParams(new FormData(form));
    }

    // Unlocking in another window gives this page a new token; ask for it without counting as use.
    function renewToken() {
      return fetch(window.location.href, { headers: { "X-Passive": "1" } })
        .then(function (answer) { return answer.text(); })
        .then(function (page) {
          const fresh = new DOMParser().parseFromString(page, "text/html")
            .querySelector('meta[name="csrf-token"]');
          if (fresh) {
            form.elements.namedItem("csrf_token").value = fresh.content;
            document.querySelector('meta[name="csrf-token"]').content = fresh.content;
          }
        });
    }

    // What outlives its page is refused by browsers above 64 KiB: a long form is sent as usual.
    function send(leaving) {
      const sent = body();
      return fetch(form.dataset.draft, {
        method: "POST", body: sent, redirect: "manual",
        keepalive: Boolean(leaving) && sent.toString().length < KEEPALIVE_BYTES,
      });
    }

    // "This window's content counts" is said once: what another window keeps later is asked again.
    function overNewer() {
      const tick = form.elements.namedItem("_force");
      if (tick && tick.checked) {
        tick.closest(".alert").remove();
      }
    }

    // Whoever writes first waits for the answer: it carries the revision the next one needs.
    function keep(leaving) {
      window.clearTimeout(timer);
      if (!dirty || stopped || running) {
        return running || Promise.resolve();
      }
      dirty = false;
      // Only a slow answer is announced: words that come and go distract.
      const slow = window.setTimeout(function () { say(form.dataset.typing); }, 600);
      running = send(leaving).then(function (answer) {
        return answer.status === 400 ? renewToken().then(send) : answer;
      }).then(function (answer) {
        if (answer.type === "opaqueredirect") {
          dirty = true;
          pause = AGAIN_MS;
          setAway("locked");
          say(form.dataset.locked, true);
          return null;
        }
        setAway(false);
        return answer.json().then(function (told) {
          if (answer.ok) {
            pause = WAIT_MS;
            revision.value = told.revision;
            mark(dirty);
            overNewer();
            say(told.words);
          } else {
            stopped = true;
            say(told.words, true);
          }
        });
      }).catch(function (error) {
        dirty = true;
        pause = AGAIN_MS;
        setAway(error instanceof TypeError && "silent");  // what fetch throws without an answer
        say(form.dataset.failed, true);
      }).then(function () {
        window.clearTimeout(slow);
        running = null;
        if (dirty && !stopped) {
          plan(pause);
        }
      });
      return running;
    }

    function plan(wait) {
      window.clearTimeout(timer);
      timer = window.setTimeout(keep, wait || WAIT_MS);
    }

    function changed(event) {
      if (event.target.name && !event.target.name.startsWith("_find.")) {
        dirty = true;
        mark(true);
        if (!stopped && status && status.textContent !== form.dataset.typing) {
          say(form.dataset.typing);  // what stood there spoke of an earlier content
        }
        plan();
      }
    }

    // What was typed before this script ran, or put back by the browser, is a change like any other.
    function differs(control) {
      if (!control.name || control.name.startsWith("_") || control.type === "hidden") {
        return false;
      }
      if (control.options) {
        const options = Array.from(control.options);
        return options.some(function (one) { return one.defaultSelected; })
          ? options.some(function (one) { return one.selected !== one.defaultSelected; })
          : control.selectedIndex > 0 || (control.multiple && control.selectedIndex === 0);
      }
      if (control.type === "radio" || control.type === "checkbox") {
        return control.checked !== control.defaultChecked;
      }
      return "defaultValue" in control && control.value !== control.defaultValue;
    }

    form.addEventListener("input", changed);
    form.addEventListener("change", changed);
    form.addEventListener("focusout", function () { keep(); });
    document.addEventListener("visibilitychange", function () {
      if (document.visibilityState === "hidden") {
        keep(true);
      } else {
        renewToken().catch(function () { /* the next word typed tries again */ });
      }
    });
    window.addEventListener("pagehide", function () { keep(true); });

    // Enter in a line keeps the draft; only the buttons send the form.
    form.addEventListener("keydown", function (event) {
      const line = event.target.matches("input:not([type=radio]):not([type=checkbox])");
      if (event.key === "Enter" && line && !event.target.name.startsWith("_find.")) {
        event.preventDefault();
        keep();
      }
    });

    // The draft arrives before the form does: a form sent to a locked program, or to none, would be
    // gone with all that was typed. Then the page stays as it is, and its line says why. A window
    // that comes late asks once more, too: nothing of it is kept, but the program answered.
    form.addEventListener("submit", function (event) {
      if (sure) {
        sure = false;
        window.clearTimeout(timer);
        dirty = false;
        mark(false);
        return;
      }
      event.preventDefault();
      event.stopPropagation();
      if (form.dataset.leaving) {
        return;
      }
      form.dataset.leaving = "1";
      const button = event.submitter;
      Promise.resolve(running).then(function () {
        stopped = false;
        dirty = true;
        return keep();
      }).then(function () {
        delete form.dataset.leaving;
        if (!away) {
          sure = true;
          form.requestSubmit(button);
        } else {
          const aside = document.getElementById("unlock-aside");
          if (aside && !aside.hidden) {
            aside.focus();  // what is to be done first, where the press seemed to do nothing
          }
        }
      });
    });
    window.addEventListener("beforeunload", function (event) {
      if (away && dirty) {
        event.preventDefault();
      }
    });

    // The tick stands outside the form, in the words about the newer content: choosing goes on with
    // what was typed before it.
    const force = form.elements.namedItem("_force");
    if (force) {
      force.addEventListener("change", function () {
        if (force.checked) {
          stopped = false;
          dirty = true;
          plan();
        }
      });
    }

    const early = Array.from(form.elements).find(differs);
    if (early) {
      changed({ target: early });
    }
  }

  // The checklist -------------------------------------------------------------------------------

  function quickenChecklist(list) {
    const rows = Array.from(list.querySelectorAll("[data-check-row]"));
    const left = list.querySelector("[data-left]");

    function count() {
      const open = rows.filter(function (row) {
        const chosen = row.querySelector("input[type=radio]:checked");
        return !chosen || !chosen.value;
      }).length;
      left.textContent = open ? left.dataset.words.replace("{n}", open) : left.dataset.done;
    }

    list.addEventListener("keydown", function (event) {
      const row = event.target.closest("[data-check-row]");
      if (!row || !event.target.matches("input[type=radio]") || !/^[1-9]$/.test(event.key)) {
        return;
      }
      const wanted = row.querySelectorAll("input[type=radio]")[Number(event.key) - 1];
      if (!wanted) {
        return;
      }
      event.preventDefault();
      wanted.checked = true;
      wanted.dispatchEvent(new Event("change", { bubbles: true }));
      const next = rows[rows.indexOf(row) + 1];
      const target = next && (next.querySelector("input[type=radio]:checked") || next.querySelector("input[type=radio]"));
      (target || wanted).focus();
      if (target) {
        next.scrollIntoView({ block: "nearest" });
      }
    });
    list.addEventListener("change", count);

    const all = list.querySelector("[data-all-ok]");
    all.addEventListener("click", function (event) {
      event.preventDefault();
      rows.forEach(function (row) {
        const chosen = row.querySelector("input[type=radio]:checked");
        if (!chosen || !chosen.value) {
          row.querySelector('input[type=radio][value="' + all.dataset.allOk + '"]').checked = true;
        }
      });
      all.dispatchEvent(new Event("change", { bubbles: true }));
      list.querySelector("input[type=radio]").dispatchEvent(new Event("change", { bubbles: true }));
    });
  }

  // A reference with many choices ---------------------------------------------------------------

  function narrowWhileTyping(finder) {
    const field = finder.querySelector("input");
    const menu = finder.parentElement.querySelector("select");
    let timer = 0;
    let asked = 0;

    function narrow() {
      const mine = ++asked;
      const query = new URLSearchParams({ kind: finder.dataset.kind, q: field.value });
      Array.from(menu.selectedOptions).forEach(function (one) { query.append("chosen", one.value); });
      const first = menu.querySelector('option[value=""]');
      fetch(finder.dataset.url + "?" + query).then(function (answer) {
        return answer.ok ? answer.text() : Promise.reject();
      }).then(function (options) {
        if (mine === asked) {
          menu.innerHTML = options;
          if (first) {
            menu.prepend(first);
          }
        }
      }).catch(function () { /* the button asks the same question */ });
    }

    field.addEventListener("input", function () {
      window.clearTimeout(timer);
      timer = window.setTimeout(narrow, 200);
    });
    field.addEventListener("keydown", function (event) {
      if (event.key === "Enter") {
        event.preventDefault();
        narrow();
      } else if (event.key === "ArrowDown") {
        event.preventDefault();
        menu.focus();
      }
    });
  }

  // Arrow keys from the search to what was found, and back --------------------------------------

  function stepThrough(field) {
    document.addEventListener("keydown", function (event) {
      if (event.key !== "ArrowDown" && event.key !== "ArrowUp") {
        return;
      }
      const found = Array.from(document.querySelectorAll(field.dataset.steps + " [data-step]"));
      const stops = [field].concat(found);
      const here = stops.indexOf(document.activeElement);
      if (here < 0) {
        return;
      }
      const next = stops[here + (event.key === "ArrowDown" ? 1 : -1)];
      if (next) {
        event.preventDefault();
        next.focus();
      }
    });
  }

  // What is looked for, people's names among it, stays out of the address: browsers keep those -------

  function searchInPlace(form) {
    const field = form.querySelector("[hx-get]");
    form.addEventListener("submit", function (event) {
      if (field && window.htmx) {
        event.preventDefault();
        window.htmx.trigger(field, "now");
      }
    });
  }

  document.querySelectorAll("form[data-draft]").forEach(keepDrafts);
  document.querySelectorAll("[data-checklist]").forEach(quickenChecklist);
  document.querySelectorAll("[data-finder]").forEach(narrowWhileTyping);
  document.querySelectorAll("[data-steps]").forEach(stepThrough);
  document.querySelectorAll("form[role=search]").forEach(searchInPlace);
}());
