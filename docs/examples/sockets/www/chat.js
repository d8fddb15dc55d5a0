// The page of the room: one WebSocket, which comes back when it breaks. What others write is only ever put into
// the page as text.
"use strict";

const QUIET = 30_000;             // ms without a word from the server (it says something every 10 s)
const FIRST = 500, LAST = 10_000; // ms before the first attempt to come back, and at most before the next
const KEPT = 500;                 // messages in the page
const REFUSED = 4000;             // the server's code: not with this name

const $ = id => document.getElementById(id);
let name, me, socket, wait = FIRST, retry, watch;

// What is shown ---------------------------------------------------------------------------------------------

// The same process, the same colour; each new one is far from the last on the wheel of hues.
const hues = new Map();

function hue(pid) {
  if (!hues.has(pid)) hues.set(pid, Math.round(40 + hues.size * 137.508) % 360);
  return hues.get(pid);
}

function made(template, { id, name, pid }) {
  const item = $(template).content.firstElementChild.cloneNode(true);
  item.style.setProperty("--hue", hue(pid));
  item.classList.toggle("mine", id === me?.id);
  item.querySelector(".name").textContent = name;
  item.querySelector(".process").textContent = `process ${pid}`;
  return item;
}

let following = true; // the end is in sight, and stays there

function toEnd() {
  following = true;
  $("log").scrollTop = $("log").scrollHeight;
  $("newer").hidden = true;
}

function add(item, always) {
  $("log").append(item);
  while ($("log").children.length > KEPT) $("log").firstElementChild.remove();
  if (always || following) toEnd(); else $("newer").hidden = false;
}

function note(text) {
  const item = document.createElement("li");
  item.className = "note";
  item.textContent = text;
  add(item);
}

function message(from, text) {
  const item = made("message", from), now = new Date();
  item.querySelector(".text").textContent = text;
  item.querySelector("time").dateTime = now.toISOString();
  item.querySelector("time").textContent = now.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  add(item, from.id === me.id);
}

function people(list) {
  $("people").replaceChildren(...list.map(one => made("person", one)));
  $("who").textContent = `Here now: ${list.length}`;
}

function status(state, text) {
  document.body.dataset.state = state;
  $("status").textContent = text;
}

function show(where) {
  $("door").hidden = where !== "door";
  $("room").hidden = where !== "room";
  $(where === "door" ? "name" : "text").focus();
}

// The connection --------------------------------------------------------------------------------------------

function heard(what) {
  if (what.you) {
    me = what.you;
    wait = FIRST;
    $("hint").textContent = "";
    status("connected", `Connected, served by process ${me.pid}`);
    if ($("room").hidden) show("room");
  }
  if (what.missed) note(`${what.missed} missed: this page was too slow`);
  if (what.people) people(what.people);
  if (what.joined) note(what.joined.id === me.id ? "You are in" : `${what.joined.name} has come in`);
  if (what.left) note(`${what.left.name} has left`);
  if (what.text) message(what.from, what.text);
}

// A connection that nobody ends may be dead all the same.
function listen() {
  clearTimeout(watch);
  watch = setTimeout(broken, QUIET);
}

function broken(event) {
  socket.onmessage = socket.onclose = null;
  socket.close();
  clearTimeout(watch);
  if (event?.code === REFUSED) {
    status("", "");
    $("fault").textContent = event.reason;
    return show("door");
  }
  const pause = wait * (0.5 + Math.random() / 2); // not all pages at once
  wait = Math.min(wait * 2, LAST);
  status("broken", "Not connected, trying again");
  retry = setTimeout(connect, pause);
}

function connect() {
  clearTimeout(retry);
  const at = new URL("chat", location);
  at.protocol = at.protocol.replace("http", "ws");
  at.searchParams.set("name", name);
  socket = new WebSocket(at);
  socket.onmessage = event => { listen(); heard(JSON.parse(event.data)); };
  socket.onclose = broken;
  listen();
}

// The network is back: now, not later.
addEventListener("online", () => { if (document.body.dataset.state === "broken") connect(); });

// What the visitor does ---------------------------------------------------------------------------------------

$("join").onsubmit = event => {
  event.preventDefault();
  name = $("name").value.trim();
  sessionStorage.name = name;
  $("fault").textContent = "";
  status("broken", "Connecting");
  connect();
};

$("say").onsubmit = event => {
  event.preventDefault();
  const open = socket.readyState === WebSocket.OPEN && document.body.dataset.state === "connected";
  $("hint").textContent = open ? "" : "Not connected: your message stays here until you are.";
  if (!open || !$("text").value.trim()) return;
  socket.send($("text").value);
  $("text").value = "";
};

const size = () => `${$("log").clientWidth} ${$("log").clientHeight}`;
let seen = size();

$("log").onscroll = () => {
  if (size() !== seen) return; // it is not the reader who has moved
  following = $("log").scrollHeight - $("log").scrollTop - $("log").clientHeight < 40;
  if (following) $("newer").hidden = true;
};
new ResizeObserver(() => { // a phone's keyboard comes and goes
  seen = size();
  if (following) toEnd();
}).observe($("log"));
$("newer").onclick = () => { toEnd(); $("text").focus(); };
$("name").value = sessionStorage.name ?? "";
$("name").focus();
