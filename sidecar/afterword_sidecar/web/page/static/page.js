// Keeps an open page up to date. The server says that something changed; the page asks for itself
// again and takes over the parts that differ. Without this script it is a picture of one moment.
"use strict";

const SECONDS_WITHOUT_NEWS = 10;
const SECONDS_UNTIL_ANOTHER_TRY = 30;
const live = document.getElementById("live");
let asking = false;
let outdated = false;
const SECONDS_UNTIL_GIVEN_UP = 10;
const GATEWAY_ERRORS = [502, 504];
const stale = document.getElementById("stale");

function say(state, words) {
  live.hidden = false;
  live.className = state;
  live.textContent = words;
}

function refresh() {
  // XMLHttpRequest parses the answer into an inert document: no markup passes through a string.
  if (asking || document.hidden) {
    outdated = true;
    return;
  }
  asking = true;
  outdated = false;
  const request = new XMLHttpRequest();
  request.open("GET", location.href);
  request.responseType = "document";
  request.timeout = SECONDS_UNTIL_GIVEN_UP * 1000;
  request.onload = () => {
    if (request.status === 200 && request.responseXML) {
      answers();
      takeOver(request.responseXML);
    } else if (GATEWAY_ERRORS.includes(request.status)) {
      isOf("The sidecar does not answer");
    } else {
      isOf("The sidecar answers, but cannot show this now");
    }
  };
  request.onerror = () => isOf("The sidecar does not answer");
  request.ontimeout = request.onerror;
  request.onloadend = () => {
    asking = false;
    if (outdated) {
      setTimeout(refresh, 1000);
    }
  };
  request.send();
}

// What is shown is of the past: it says so, and nothing on it moves as if it were of now.
function isOf(why) {
  const words = `${why}; this is of ${document.querySelector("#as-of time").textContent} UTC.`;
  if (stale.textContent !== words || stale.hidden) {
    stale.textContent = words;
    stale.hidden = false;
  }
  document.body.classList.add("stale");
  document.querySelectorAll("svg.deadline").forEach((bar) => bar.pauseAnimations());
}

function answers() {
  stale.hidden = true;
  document.body.classList.remove("stale");
  document.querySelectorAll("svg.deadline").forEach((bar) => bar.unpauseAnimations());
}

function takeOver(fresh) {
  const selection = document.getSelection();
  for (const old of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(old.id);
    if (!next) {
      old.replaceChildren();
    } else if (old.dataset.html !== next.outerHTML) {
      // What somebody is marking to copy is left alone.
      if (!selection.isCollapsed && selection.containsNode(old, true)) {
        outdated = true;
        continue;
      }
      replace(old, document.importNode(next, true), next.outerHTML);
    }
  }
  addNew(fresh);
}

function replace(old, next, html) {
  const open = new Set([...old.querySelectorAll("details[open]")].map((each) => each.id));
  const focused = old.contains(document.activeElement) ? place(old, document.activeElement) : null;
  const scrolled = [...old.querySelectorAll(".scrolls")].map((each) => each.scrollLeft);
  next.dataset.html = html;
  old.replaceWith(next);
  next.querySelectorAll("details").forEach((each) => { each.open = open.has(each.id); });
  next.querySelectorAll(".scrolls").forEach((each, at) => { each.scrollLeft = scrolled[at] ?? 0; });
  addButtons(next);
  if (focused !== null) {
    const again = place(next, null, focused);
    if (again) {
      again.focus({ preventScroll: true });
    }
  }
}

// A part that was not there before, such as the first losses of a filter.
function addNew(fresh) {
  for (const next of fresh.querySelectorAll("main > [data-live]")) {
    if (!document.getElementById(next.id)) {
      const before = next.nextElementSibling && document.getElementById(next.nextElementSibling.id);
      const added = document.importNode(next, true);
      document.querySelector("main").insertBefore(added, before);
      addButtons(added);
    }
  }
}

// Which of an element's links and buttons has the focus, told by what it leads to.
function place(within, element, wanted) {
  const key = (each) => `${each.tagName} ${each.getAttribute("href") ?? each.id}`;
  if (element) {
    return key(element);
  }
  return [...within.querySelectorAll("a, summary, pre, [tabindex], button")].find((each) => key(each) === wanted);
}

function addButtons(within) {
  for (const text of within.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "copy";
    button.setAttribute("aria-label", `Copy the ${text.dataset.copy}`);
    button.addEventListener("click", () => copy(text, button));
    text.after(button);
  }
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = "copied";
  } catch {
    // Not over plain HTTP from another host: then it is marked, ready to be copied by hand.
    document.getSelection().selectAllChildren(text);
    button.textContent = "marked";
  }
  setTimeout(() => { button.textContent = "copy"; }, 2000);
}

function listen() {
  const events = new EventSource("/live");
  events.addEventListener("open", () => {
    say("on", "live");
    if (!stale.hidden) {
      refresh();
    }
  });
  events.addEventListener("change", refresh);
  events.onerror = () => {
    refresh(); // is it this stream alone that ended, or the sidecar?
    if (events.readyState === EventSource.CLOSED) {
      say("off", "not live");
      setTimeout(listen, SECONDS_UNTIL_ANOTHER_TRY * 1000);
    } else {
      say("off", "connecting");
    }
  };
}

addButtons(document);
listen();
setInterval(refresh, SECONDS_WITHOUT_NEWS * 1000);
document.addEventListener("visibilitychange", () => { if (outdated) { refresh(); } });
