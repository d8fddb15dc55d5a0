// The front page at work: it asks the scripts, and shows what they answer, as text. Nothing here is made up.
"use strict";

const $ = id => document.getElementById(id);

function made(tag, content, className) {
  const element = document.createElement(tag);
  element.append(...[content].flat());
  if (className) element.className = className;
  return element;
}

async function ask(path, options) {
  const began = performance.now();
  const response = await fetch(path, { cache: "no-store", ...options });
  const text = await response.text();
  return { response, text, id: response.headers.get("X-Request-Id"), ms: Math.round(performance.now() - began) };
}

// Processes ---------------------------------------------------------------------------------------------------

// The same process, the same colour; each new one is far from the last on the wheel of hues.
const hues = new Map();

function colour(element, pid) {
  if (!hues.has(pid)) hues.set(pid, Math.round(255 + hues.size * 137.508) % 360);
  element.style.setProperty("--hue", hues.get(pid));
  return element;
}

const badge = pid => colour(made("span", `${pid}`, "pid"), pid);

const DOES = { page: "answered last", clock: "ticks", counter: "tells the number", chat: "carries the chat" };
const at = {}; // what a process does for this page → which one
let front, gone = 0;

function draw() {
  const workers = new Map();
  for (const [role, pid] of Object.entries(at)) workers.set(pid, [...workers.get(pid) ?? [], DOES[role]]);
  const items = [...workers].map(([pid, does]) => made("li", [badge(pid), made("span", does.join(", "), "does")]));
  if (gone) items.push(made("li", [made("span", "†", "pid gone"), made("span", `${gone} died of /crash/abort`, "does")]));
  $("tree").replaceChildren(made("li", [made("span", `${front.server}`, "pid server"),
    made("span", "the server, which starts the others", "does"), made("ul", items)]));
}

// A process has begun to do that, or has ended (pid is undefined).
function serves(role, pid) {
  if (at[role] === pid) return;
  if (pid) at[role] = pid; else delete at[role];
  for (const element of document.querySelectorAll(`[data-role="${role}"]`)) {
    if (pid) colour(element, pid); else element.style.removeProperty("--hue");
    if (element.matches(".pid")) element.textContent = pid ? `process ${pid}` : "";
  }
  draw();
}

// The scripts, as they were loaded ---------------------------------------------------------------------------

const LUA = /(--.*)|("(?:\\.|[^"\\\n])*")|\b(and|do|else|end|for|function|if|in|local|nil|not|or|repeat|require|return|then|until|while)\b/g;

function coloured(source) {
  const parts = [];
  let last = 0;
  for (const { 0: text, 1: comment, 2: string, index } of source.matchAll(LUA)) {
    parts.push(source.slice(last, index), made("span", text, comment ? "comment" : string ? "string" : "keyword"));
    last = index + text.length;
  }
  return [...parts, source.slice(last)];
}

function showScripts() {
  for (const figure of document.querySelectorAll("[data-script]")) {
    const name = figure.dataset.script, source = front.sources[name];
    if (!source) continue;
    figure.append($("code").content.cloneNode(true));
    figure.querySelector("figcaption").textContent = `scripts/${name}.lua`;
    figure.querySelector("pre").ariaLabel = `Source of scripts/${name}.lua`;
    figure.querySelector("code").append(...coloured(source.trimEnd()));
  }
  for (const demo of document.querySelectorAll("[data-needs]")) demo.hidden = !front.sources[demo.dataset.needs];
}

// The greeting, who gave it, and what that took ----------------------------------------------------------------

const LOCAL = /^(127\.|::1$|unix$)/;

async function greet() {
  const { response, text } = await ask("/hello");
  if (!response.ok) return;
  $("hello").textContent = new DOMParser().parseFromString(text, "text/html").body.textContent;
  document.title = `${$("hello").textContent} – luaserve`;
}

const ORDER = new Intl.PluralRules("en", { type: "ordinal" });
const ordinal = n => n + { one: "st", two: "nd", few: "rd", other: "th" }[ORDER.select(n)];

async function who() {
  const { response, text, id } = await ask("/process");
  if (!response.ok) return;
  const { pid, ip, port, requests } = JSON.parse(text);
  serves("page", pid);
  const shared = front.mode === "pool";
  $("facts").replaceChildren("Process ", badge(pid), ` answered ${ip}, port ${port}. `, shared
    ? `Other clients share it; this was the ${ordinal(requests)} request of all of them.`
    : `It serves nobody else, and this was the ${ordinal(requests)} request on its connection.`);
  if (id) await trace(id, ip);
}

// Why there is no trace, and what to do about it.
function untraced(status, ip) {
  if (status === 403 && LOCAL.test(ip)) return `Not shown, since this page was asked for as “${location.hostname}”, or ` +
    `through a proxy. Traces are for this machine alone: open http://localhost:${location.port || 80}/ on it.`;
  if (status === 403) return `Not shown, since you come from ${ip}. Traces are for the machine of the server alone, ` +
    `and for those whom config.lua names, observers = { "${ip}" }; never through a proxy.`;
  if (status === 404) return "There is none, or none any more. It takes status = \"/status\" and trace = true in " +
    "config.lua, from the start of the server on.";
  return `There is no trace: ${status}.`;
}

async function trace(id, ip) {
  const { response, text } = await ask(`/status/trace/${id}`, { headers: { Accept: "text/plain" } });
  $("trace").hidden = !response.ok;
  if (!response.ok) return $("traced").textContent = untraced(response.status, ip);
  const lines = text.trimEnd().split("\n");
  $("traced").textContent = `GET /process, request ${id}:`;
  $("trace").replaceChildren(...lines.flatMap(line => {
    const [, when, call, rest] = /^(\s*-?\d+ )(\w+)(.*)$/.exec(line) ?? ["", "", "", line];
    return [made("span", when, "when"), made("span", call, "call"), `${rest}\n`];
  }));
}

// Live connections ---------------------------------------------------------------------------------------------

const LAST = 10_000; // ms before the next attempt to connect, at most

// A WebSocket that comes back when it breaks. What it gives is JSON; `pid` is the process that tells it.
function connect(role, path, heard) {
  const self = { path, socket: null };
  let wait = 500;
  self.open = () => {
    const socket = self.socket = new WebSocket(new URL(self.path, location.href.replace(/^http/, "ws")));
    socket.onopen = () => { wait = 500; };
    socket.onmessage = event => heard(JSON.parse(event.data));
    socket.onclose = () => {
      if (socket !== self.socket) return;
      serves(role);
      setTimeout(self.open, wait);
      wait = Math.min(wait * 2, LAST);
    };
  };
  self.open();
  return self;
}

const STILL = matchMedia("(prefers-reduced-motion: reduce)");

function beat(element) {
  if (!STILL.matches) element.animate([{ opacity: 0.4 }, { opacity: 1 }], 500);
}

let ticked = () => {}; // is called at each tick

function clock() {
  let source;
  const open = () => {
    source = new EventSource("/clock");
    source.addEventListener("tick", event => {
      const { time, pid } = JSON.parse(event.data);
      serves("clock", pid);
      $("time").textContent = time;
      for (const one of document.querySelectorAll("#tree .pid")) if (one.textContent === `${pid}`) beat(one);
      ticked(time, pid);
    });
    source.onerror = () => {
      serves("clock");
      if (source.readyState === EventSource.CLOSED) setTimeout(open, LAST);
    };
  };
  open();
  // A window that nobody sees needs no clock: its process is given back.
  document.onvisibilitychange = () => {
    source.close();
    if (document.hidden) serves("clock"); else open();
  };
}

function counter() {
  connect("counter", "/counter", ({ count, pid }) => {
    serves("counter", pid);
    $("count").textContent = count.toLocaleString("en");
  });
  press($("add"), () => ask("/counter", { method: "POST" }));
}

function chat() {
  $("name").value = sessionStorage.name ?? "Guest";
  const path = () => `/chat?name=${encodeURIComponent($("name").value.trim())}`;
  const line = connect("chat", path(), ({ name, pid, text }) => {
    if (text === undefined) return serves("chat", pid);
    const atEnd = $("log").scrollHeight - $("log").scrollTop - $("log").clientHeight < 40;
    $("log").append(made("li", [made("p", [name, badge(pid)], "by"), made("p", text)]));
    while ($("log").children.length > 200) $("log").firstChild.remove();
    if (atEnd) $("log").scrollTop = $("log").scrollHeight;
  });
  const send = () => {
    line.socket.send($("text").value);
    $("text").value = $("said").textContent = "";
  };
  $("say").onsubmit = event => {
    event.preventDefault();
    if (!$("text").value.trim()) return;
    if (line.path !== path()) { // under another name: another connection
      sessionStorage.name = $("name").value;
      line.path = path();
      line.socket.close();
      line.open();
      line.socket.addEventListener("open", send);
    } else if (line.socket.readyState === WebSocket.OPEN) send();
    else $("said").textContent = "Not connected: your message stays here until you are.";
  };
}

// Breaking it ----------------------------------------------------------------------------------------------------

async function crash(kind) {
  const path = `/crash/${kind}`;
  $("answer").replaceChildren(made("p", `POST ${path} …`, "caption"));
  const { response, text, id, ms } = await ask(path, { method: "POST" });
  if (kind === "abort" && response.status === 500) gone++;
  const refused = response.status === 409;
  $("answer").replaceChildren(
    made("p", `${response.status} ${response.statusText}`, "verdict"),
    made("p", refused ? text : ["incident ", made("code", id), `, after ${ms} ms. The log says why under this id.`]));
  if (refused) return;
  ticked = (time, pid) => {
    ticked = () => {};
    $("answer").append(made("p", ["Meanwhile: the clock of process ", badge(pid), ` goes on, ${time}.`]));
  };
  await who(); // perhaps another process by now
}

// All together -----------------------------------------------------------------------------------------------------

// What a button does: once at a time, and it says so when nobody answers.
function press(button, work) {
  button.onclick = async () => {
    if (button.ariaBusy === "true") return;
    button.ariaBusy = "true";
    try { await work(); } catch { $("facts").textContent = "The server does not answer."; }
    button.ariaBusy = "false";
  };
}

function explain() {
  document.documentElement.dataset.mode = front.mode;
  $("version").textContent = front.version;
  $("how").replaceChildren(...front.dev
    ? [", save it, and load this page anew. (While developing, each request has a connection of its own.)"]
    : [", let the server read it again, ", made("code", `kill -HUP ${front.server}`), ", and load this page anew. Or ",
      "start it with ", made("code", "make dev"), ", which serves what you have just saved."]);
}

async function begin() {
  for (const element of document.querySelectorAll(".origin")) element.textContent = location.host;
  const { response, text } = await ask("/front");
  if (!response.ok) return; // its script is gone
  front = JSON.parse(text);
  explain();
  showScripts();
  press($("again"), who);
  for (const button of document.querySelectorAll("[data-crash]")) press(button, () => crash(button.dataset.crash));
  const { hello, process, ...live } = front.sources;
  if (live.clock) clock();
  if (live.counter) counter();
  if (live.chat) chat();
  if (hello) await greet();
  if (process) await who();
}

begin();
