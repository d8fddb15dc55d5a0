"use strict";
(() => {
  const SPAN = 120; // seconds that charts show
  const $ = id => document.getElementById(id);
  const { base, traced } = document.body.dataset;
  let server, source, timer, paused = false, said = 0;

  const age = ms => {
    const s = Math.max(0, Math.floor(ms / 1000)), m = Math.floor(s / 60), h = Math.floor(m / 60);
    return s < 60 ? `${s} s` : m < 60 ? `${m} min ${s % 60} s` : h < 24 ? `${h} h ${m % 60} min`
      : `${Math.floor(h / 24)} d ${h % 24} h`;
  };
  const size = n => n == null ? "" : n < 1048576 ? `${Math.floor(n / 1024)} KiB` : `${(n / 1048576).toFixed(1)} MiB`;
  const address = r => !r.port ? r.ip : r.ip.includes(":") ? `[${r.ip}]:${r.port}` : `${r.ip}:${r.port}`;
  const text = {
    client: r => r.client + (r.client === server.you ? " (you)" : ""),
    pid: r => r.pid || "",
    address,
    since: r => age(server.now_ms - r.since_ms),
    opened: r => age(server.now_ms - r.opened_ms),
    request: r => `${r.method} ${r.target}`,
    cpu: r => r.cpu_ms == null ? "" : `${(r.cpu_ms / 1000).toFixed(2)} s`,
    own: r => size(r.own),
    resident: r => size(r.resident),
  };
  const rank = { since: r => -r.since_ms, opened: r => -r.opened_ms, cpu: r => r.cpu_ms, address, request: text.request };
  const put = (node, value) => { if (node.textContent !== value) node.textContent = value; };

  class Table {
    constructor(id, key) {
      this.table = $(id);
      this.key = key;
      this.rows = new Map();
      this.heads = [...this.table.tHead.rows[0].cells];
      for (const th of this.heads) {
        const button = document.createElement("button");
        button.type = "button";
        button.append(...th.childNodes);
        button.onclick = () => this.sort(th);
        th.append(button);
      }
      this.by = this.heads[0];
      this.up = true;
      this.mark();
    }
    sort(th) {
      this.up = this.by !== th || !this.up;
      this.by = th;
      this.mark();
      this.arrange();
    }
    mark() {
      for (const th of this.heads) th.removeAttribute("aria-sort");
      this.by.setAttribute("aria-sort", this.up ? "ascending" : "descending");
    }
    update(changed, gone, all) {
      if (all) {
        this.table.tBodies[0].replaceChildren();
        this.rows.clear();
      }
      for (const key of gone) {
        this.rows.get(key)?.tr.remove();
        this.rows.delete(key);
      }
      for (const row of changed) {
        const there = this.rows.get(row[this.key]);
        if (there) there.row = row;
        else this.rows.set(row[this.key], { row, tr: this.make(all) });
      }
      for (const { row, tr } of this.rows.values()) this.fill(tr, row);
      this.arrange();
    }
    make(all) {
      const tr = document.createElement("tr");
      for (const [i, th] of this.heads.entries()) {
        const cell = document.createElement(i ? "td" : "th");
        if (!i) cell.scope = "row";
        cell.className = th.className;
        if (th.dataset.key === "phase") cell.append(document.createElement("span"));
        tr.append(cell);
      }
      tr.fresh = !all;
      return tr;
    }
    fill(tr, row) {
      tr.className = row.phase || "";
      tr.classList.toggle("new", tr.fresh);
      for (const [i, th] of this.heads.entries()) {
        const key = th.dataset.key, cell = tr.cells[i];
        let node = cell.querySelector("span, a") || cell;
        if (key === "request") {
          if (traced && !!row.id !== (node !== cell)) {
            cell.replaceChildren(...row.id ? [document.createElement("a")] : []);
            node = cell.firstChild || cell;
          }
          if (node !== cell) node.href = `${base}/trace/${row.id}`;
          cell.title = text.request(row).trim();
        }
        put(node, String(text[key] ? text[key](row) : row[key] ?? ""));
      }
    }
    arrange() {
      const key = this.by.dataset.key, of = rank[key] || (r => r[key]), way = this.up ? 1 : -1;
      const list = [...this.rows.values()].map(({ row, tr }) => [of(row) ?? -1, row[this.key], tr]);
      list.sort((a, b) => (a[0] > b[0] ? way : a[0] < b[0] ? -way : 0) || a[1] - b[1]);
      const focused = document.activeElement, body = this.table.tBodies[0];
      let next = body.firstChild;
      for (const [, , tr] of list) {
        if (tr === next) next = next.nextSibling;
        else body.insertBefore(tr, next);
      }
      if (document.activeElement !== focused && focused.isConnected) focused.focus({ preventScroll: true });
    }
    set(list) {
      const keys = new Set(list.map(row => row[this.key]));
      this.update(list, [...this.rows.keys()].filter(key => !keys.has(key)), !this.rows.size);
      this.table.parentNode.hidden = !list.length;
    }
  }

  const show = (name, value) => {
    for (const node of document.querySelectorAll(`[data-v=${name}]`)) put(node, String(value));
  };
  const chart = (of, name, unit, least) => {
    const svg = $(`of-${of}`), points = [];
    svg.removeAttribute("hidden");
    return (at, value) => {
      points.push([at, value]);
      while (points[0][0] < at - SPAN) points.shift();
      const peak = Math.max(...points.map(p => p[1])), most = Math.max(least, peak);
      const line = points.map(([t, v]) => `${(SPAN - at + t).toFixed(1)} ${(39 - 37 * v / most).toFixed(1)}`).join("L");
      svg.children[0].setAttribute("d", `M${(SPAN - at + points[0][0]).toFixed(1)} 40L${line}L${SPAN} 40Z`);
      svg.children[1].setAttribute("d", `M${line}`);
      show(`peak-${of}`, `at most ${peak}${unit} in 2 minutes`);
      svg.setAttribute("aria-label", `${name}, last 2 minutes: now ${value}${unit}, at most ${peak}${unit}`);
    };
  };

  const clients = new Table("clients", "client"), workers = new Table("workers", "pid"), sides = new Table("sides", "pid");
  const charts = [chart("count", "Clients", "", 4), chart("rate", "Requests a second", "", 4),
    chart("load", "CPU load", " %", 10)];

  const take = now => {
    if (server && now.mode !== server.mode) location.reload();
    const same = server && now.pid === server.pid ? server : null;
    server = now;
    const passed = same ? (now.now_ms - same.now_ms) / 1000 : 0;
    for (const name of ["count", "pid", "generation", "requests"]) show(name, now[name]);
    show("uptime", age(now.now_ms));
    show("cpu", text.cpu(now));
    if (passed > 0) {
      const rate = Math.max(0, (now.requests - same.requests) / passed);
      const load = Math.max(0, (now.cpu_ms - same.cpu_ms) / passed / 10);
      const values = [now.count, rate < 10 ? +rate.toFixed(1) : Math.round(rate), Math.round(load)];
      show("rate", values[1]);
      show("rate-unit", "a second");
      show("load", `${values[2]} %`);
      show("load-unit", `of ${now.cores * 100} %`);
      charts.forEach((add, i) => add(now.now_ms / 1000, values[i]));
    }
    clients.update(now.clients, now.gone, now.all);
    workers.set(now.workers);
    sides.set(now.sides);
    put($("more"), now.left_out ? `${now.left_out} more are not listed.` : "");
    if (Date.now() - said > 30000) {
      said = Date.now();
      put($("said"), `${now.count} clients`);
    }
  };

  const tell = (state, words) => {
    $("state").className = state;
    put($("state"), words);
  };
  const connect = () => {
    source = new EventSource(`${base}/events`);
    source.onmessage = event => {
      take(JSON.parse(event.data));
      tell("live", "Live");
    };
    source.onerror = () => {
      tell("lost", "No connection, trying again");
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(connect, 3000);
    };
  };
  $("pause").onclick = () => {
    paused = !paused;
    $("pause").textContent = paused ? "Resume" : "Pause";
    clearTimeout(timer);
    source.close();
    if (paused) tell("paused", "Paused");
    else connect();
  };
  $("busy").onchange = event => clients.table.classList.toggle("busy", event.target.checked);
  $("pause").hidden = $("busy").parentNode.hidden = false;
  connect();
})();
