/// What the page of a graph does in a browser: it needs no network and no library.
///
/// The boxes come laid out, with large groups collapsed; opening a group changes the heights of its rank, and the script finds the
/// places anew by the same regression as ``Layout``, from the ranks and the order that are given.
enum GraphScript {
  static let text = view + drawing + acting + living

  /// State, and where everything is.
  private static let view = #"""
    (() => {
    'use strict';
    const $ = id => document.getElementById(id);
    const GAP = 8, JOINT = 6, MARGIN = 16, ROW = 18, HEAD = 34, CELL = 12, ROWS = 40, LISTED = 400;
    let data, reads, readers, byLabel;
    let open = new Set(), chosen = null, hits = [], hit = -1, query = '', off = new Set();
    let at = {x: 0, y: 0, k: 1}, box = [], size = {w: 0, h: 0}, lefts = [];
    const running = new Map();

    function take(picture) {
      data = picture;
      reads = data.nodes.map(() => []);
      readers = data.nodes.map(() => []);
      for (let i = 0; i < data.edges.length; i += 2) {
        readers[data.edges[i]].push(data.edges[i + 1]);
        reads[data.edges[i + 1]].push(data.edges[i]);
      }
      data.units.forEach(unit => unit.m.forEach((n, i) => data.nodes[n].i = i));
      byLabel = new Map();
      data.nodes.forEach((n, i) => { if (n.k === 'step') byLabel.set(n.l, i); });
    }
    const isGroup = u => data.units[u].m.length > 1;
    const shown = l => l.length > 34 ? l.slice(0, 20) + '…' + l.slice(-13) : l;

    function measure(u) {
      const [w, h] = data.sizes[u], m = data.units[u].m;
      if (!open.has(u)) return {w, h};
      if (m.length > LISTED) {
        const across = Math.max(20, Math.ceil(Math.sqrt(m.length * 1.6)));
        return {w: Math.max(w, across * CELL + 16), h: HEAD + Math.ceil(m.length / across) * CELL + 10, across};
      }
      const rows = Math.min(m.length, ROWS), across = Math.ceil(m.length / rows);
      const letters = Math.max(...m.map(i => shown(data.nodes[i].l).length));
      const step = letters * 7.2 + 22;
      return {w: Math.max(w, across * step + 12), h: HEAD + rows * ROW + 8, rows, step};
    }
    function ascending(wishes) {
      const blocks = [];
      for (const w of wishes) {
        blocks.push({s: w, c: 1});
        while (blocks.length > 1) {
          const a = blocks[blocks.length - 2], b = blocks[blocks.length - 1];
          if (b.s / b.c >= a.s / a.c) break;
          blocks.length -= 2;
          blocks.push({s: a.s + b.s, c: a.c + b.c});
        }
      }
      return blocks.flatMap(b => Array(b.c).fill(b.s / b.c));
    }
    function place() {
      box = data.middles.map(() => null);
      lefts = [];
      let x = MARGIN, top = Infinity, bottom = 0;
      const links = data.columns.map(() => 0), rank = [];
      data.columns.forEach((c, r) => c.forEach(i => rank[i] = r));
      for (const r of data.routes) for (const i of r.i.slice(0, -1)) links[rank[i]]++;
      data.columns.forEach((column, r) => {
        const sizes = column.map(i => i < data.units.length ? measure(i) : {w: 0, h: JOINT});
        let offset = 0;
        const offsets = sizes.map((s, i) => i ? offset += (sizes[i - 1].h + s.h) / 2 + GAP : 0);
        const ys = ascending(column.map((item, i) => data.middles[item] - offsets[i]));
        const widest = Math.max(0, ...sizes.map(s => s.w));
        column.forEach((item, i) => {
          const y = ys[i] + offsets[i];
          box[item] = {...sizes[i], x, y, r, room: widest};
          top = Math.min(top, y - sizes[i].h / 2);
          bottom = Math.max(bottom, y + sizes[i].h / 2);
        });
        lefts.push(x);
        x += widest + (r + 1 < data.columns.length ? Math.min(120, 36 + links[r] * 1.5) : MARGIN);
      });
      if (!isFinite(top)) top = 0;
      for (const b of box) if (b) b.y += MARGIN - top;
      size = {w: x, h: bottom - top + 2 * MARGIN};
    }
    /* The rectangle in which a node is seen: its own, its place in an open group, or its closed group's. */
    function spot(n) {
      const u = data.nodes[n].u, b = box[u];
      if (!isGroup(u) || !open.has(u)) return {x: b.x, y: b.y - b.h / 2, w: b.w, h: b.h};
      const i = data.nodes[n].i, y = b.y - b.h / 2 + HEAD;
      if (b.across) return {x: b.x + 8 + i % b.across * CELL, y: y + Math.floor(i / b.across) * CELL, w: CELL - 2, h: CELL - 2};
      return {x: b.x + 8 + Math.floor(i / b.rows) * b.step, y: y + i % b.rows * ROW, w: b.step - 6, h: ROW - 3};
    }

    """#

  /// Text of the drawing and of the panel.
  private static let drawing = #"""
    const esc = t => String(t).replace(/[&<>"]/g, c => ({'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'}[c]));
    const f = v => Math.round(v * 10) / 10;
    const noun = {source: 'inputs', literal: 'texts', folder: 'folders', step: 'steps', output: 'outputs'};
    const word = {plain: 'input', run: 'run', cached: 'unchanged', stale: 'stale', failed: 'failed', running: 'running'};
    const stateOf = n => running.has(data.nodes[n].l) && data.nodes[n].k === 'step' ? 'running' : data.nodes[n].s;
    const order = ['plain', 'cached', 'run', 'stale', 'failed', 'running'];
    function unitState(u) {
      return data.units[u].m.map(stateOf).reduce((a, b) => order.indexOf(b) > order.indexOf(a) ? b : a, 'plain');
    }
    function counts(u) {
      const c = {};
      for (const n of data.units[u].m) { const s = stateOf(n); c[s] = (c[s] || 0) + 1; }
      return order.filter(s => s !== 'plain' && c[s]).map(s => c[s] + ' ' + word[s]).join(', ');
    }
    function curve(p) {
      let d = `M${f(p[0].x)} ${f(p[0].y)}`;
      for (let i = 1; i < p.length; i++) {
        const a = p[i - 1], b = p[i], m = f((a.x + b.x) / 2);
        d += `C${m} ${f(a.y)} ${m} ${f(b.y)} ${f(b.x)} ${f(b.y)}`;
      }
      return d;
    }
    function routePoints(items) {
      const p = [];
      items.forEach((item, i) => {
        const b = box[item], isBox = item < data.units.length;
        if (i) p.push({x: b.x, y: b.y});
        if (i < items.length - 1) p.push({x: b.x + (isBox ? b.w : b.room), y: b.y});
      });
      return p;
    }
    function link(a, b, c) {
      const s = spot(a), t = spot(b), forward = s.x <= t.x;
      const p = [{x: forward ? s.x + s.w : s.x, y: s.y + s.h / 2}, {x: forward ? t.x : t.x + t.w, y: t.y + t.h / 2}];
      return `<path class="edge ${c}" d="${curve(p)}" marker-end="url(#${c === 'lit' ? 'tip-lit' : 'tip'})"/>`;
    }
    const single = u => open.has(u) && data.units[u].m.length <= 60;
    function node(n, u, text) {
      const v = data.nodes[n], s = spot(n), c = classes(v.k, stateOf(n), [n]);
      return `<g class="${c}" data-n="${n}" transform="translate(${f(s.x)} ${f(s.y)})">`
        + `<title>${esc([v.l, ...v.d].join('\n'))}</title>`
        + `<rect width="${f(s.w)}" height="${f(s.h)}" rx="${v.k === 'step' ? (s.h > 20 ? 8 : 4) : 2}"/>`
        + (text ? `<text x="${s.h > 20 ? 13 : 6}" y="${s.h > 20 ? 17 : 11.5}">${esc(shown(v.l))}</text>` : '') + '</g>';
    }
    function classes(kind, state, members) {
      let c = `node ${kind} ${state}`;
      if (off.has(state)) c += ' dim';
      if (query) c += members.some(n => hitSet.has(n)) ? ' hit' : ' dim';
      if (chosen && chosen.n !== undefined && members.includes(chosen.n)) c += ' chosen';
      return c;
    }
    let hitSet = new Set();
    function draw() {
      let edges = '', nodes = '';
      for (const r of data.routes) {
        if (single(r.f) || single(r.t)) continue;
        edges += `<path class="edge" d="${curve(routePoints(r.i))}" marker-${r.b ? 'start' : 'end'}="url(#tip)"/>`;
      }
      for (let i = 0; i < data.edges.length; i += 2) {
        const a = data.edges[i], b = data.edges[i + 1], ua = data.nodes[a].u, ub = data.nodes[b].u;
        if (ua !== ub && (single(ua) || single(ub))) edges += link(a, b, '');
      }
      let drawn = 0;
      data.units.forEach((unit, u) => {
        if (!isGroup(u)) { drawn++; nodes += node(unit.m[0], u, true); return; }
        const b = box[u], y = b.y - b.h / 2, isOpen = open.has(u);
        let c = classes(unit.k, unitState(u), unit.m) + ' group' + (isOpen ? ' open' : '');
        if (chosen && chosen.u === u) c += ' chosen';
        if (isOpen) c = c.replace(' dim', '');
        nodes += `<g class="${c}" data-u="${u}" transform="translate(${f(b.x)} ${f(y)})">`
          + `<title>${esc(unit.l + ': ' + unit.m.length + ' ' + noun[unit.k] + '\n' + counts(u))}</title>`
          + (isOpen ? '' : `<rect class="behind" x="4" y="-4" width="${f(b.w)}" height="${f(b.h)}" rx="${unit.k === 'step' ? 8 : 2}"/>`)
          + `<rect width="${f(b.w)}" height="${f(b.h)}" rx="${unit.k === 'step' ? 8 : 2}"/>`
          + `<text x="13" y="16">${isOpen ? '▾' : '▸'} ${esc(shown(unit.l))}</text>`
          + `<text class="count" x="13" y="${isOpen ? 28 : 31}">${unit.m.length} ${noun[unit.k]}</text></g>`;
        drawn++;
        if (isOpen) for (const n of unit.m) { drawn++; nodes += node(n, u, !b.across); }
      });
      let lights = '';
      if (chosen && chosen.n !== undefined) {
        for (const a of reads[chosen.n].slice(0, 500)) lights += link(a, chosen.n, 'lit');
        for (const b of readers[chosen.n].slice(0, 500)) lights += link(chosen.n, b, 'lit');
      }
      $('lights').innerHTML = lights;
      $('edges').innerHTML = edges;
      $('nodes').innerHTML = nodes;
      document.body.dataset.drawn = drawn;
      document.body.dataset.hits = query ? hits.length : '';
      document.body.dataset.chosen = chosen ? (chosen.n !== undefined ? data.nodes[chosen.n].l : data.units[chosen.u].l) : '';
      move();
    }
    function move() {
      $('scene').setAttribute('transform', `translate(${f(at.x)} ${f(at.y)}) scale(${Math.round(at.k * 1e4) / 1e4})`);
    }
    function list(title, nodes) {
      if (!nodes.length) return '';
      return `<h3>${esc(title)}</h3><ul>` + nodes.slice(0, 200).map(n =>
        `<li><button data-go="${n}"><i class="dot ${stateOf(n)}"></i>${esc(data.nodes[n].l)}</button></li>`).join('')
        + (nodes.length > 200 ? `<li class="quiet">and ${nodes.length - 200} more</li>` : '') + '</ul>';
    }
    function panel() {
      let t = '';
      if (query) t = list(`${hits.length} found`, hits);
      if (chosen && chosen.n !== undefined) {
        const v = data.nodes[chosen.n], u = v.u;
        t = `<h2>${esc(v.l)}</h2><p><i class="dot ${stateOf(chosen.n)}"></i>${v.k}${v.k === 'step' ? ', ' + word[stateOf(chosen.n)] : ''}</p>`
          + v.d.map(d => `<p>${esc(d)}</p>`).join('')
          + (isGroup(u) ? `<p><button data-toggle="${u}">${open.has(u) ? 'Collapse' : 'Expand'} ${esc(data.units[u].l)}</button></p>` : '')
          + list('reads', reads[chosen.n]) + list('is read by', readers[chosen.n]) + t;
      } else if (chosen) {
        const unit = data.units[chosen.u];
        t = `<h2>${esc(unit.l)}</h2><p>${unit.m.length} ${noun[unit.k]}</p><p>${esc(counts(chosen.u))}</p>`
          + `<p><button data-toggle="${chosen.u}">${open.has(chosen.u) ? 'Collapse' : 'Expand'}</button></p>` + list('members', unit.m) + t;
      }
      $('panel').innerHTML = t || $('help').innerHTML;
    }

    """#

  /// What people do.
  private static let acting = #"""
    function fit() {
      const r = $('stage').getBoundingClientRect();
      at.k = Math.max(0.02, Math.min(1.2, r.width / size.w, r.height / size.h));
      at.x = Math.max(0, (r.width - size.w * at.k) / 2);
      at.y = Math.max(0, (r.height - size.h * at.k) / 2);
      move();
    }
    function zoom(by, x, y) {
      const r = $('stage').getBoundingClientRect();
      x = x === undefined ? r.width / 2 : x - r.left;
      y = y === undefined ? r.height / 2 : y - r.top;
      const k = Math.max(0.02, Math.min(6, at.k * by));
      at = {x: x - (x - at.x) * k / at.k, y: y - (y - at.y) * k / at.k, k};
      move();
    }
    function show(s) {
      const r = $('stage').getBoundingClientRect();
      if (at.k < 0.5) at.k = 1;
      const x = s.x * at.k + at.x, y = s.y * at.k + at.y;
      if (x < 0 || y < 0 || x + s.w * at.k > r.width || y + s.h * at.k > r.height) {
        at.x = r.width / 2 - (s.x + s.w / 2) * at.k;
        at.y = r.height / 2 - (s.y + s.h / 2) * at.k;
      }
      move();
    }
    function choose(n) {
      const u = data.nodes[n].u;
      if (isGroup(u) && !open.has(u)) { open.add(u); place(); }
      chosen = {n};
      draw(); panel(); show(spot(n));
    }
    function chooseUnit(u) { chosen = {u}; draw(); panel(); }
    function toggle(u) {
      const before = {x: box[u].x, y: box[u].y - box[u].h / 2};
      if (open.has(u)) open.delete(u); else open.add(u);
      place();
      at.x += (before.x - box[u].x) * at.k;
      at.y += (before.y - (box[u].y - box[u].h / 2)) * at.k;
      draw(); panel();
    }
    function all(isOpen) {
      open = new Set(isOpen ? data.units.map((_, u) => u).filter(isGroup) : []);
      place(); draw(); panel(); fit();
    }
    function search(text) {
      query = text.trim().toLowerCase();
      hits = query ? data.nodes.map((_, i) => i).filter(i => data.nodes[i].l.toLowerCase().includes(query)) : [];
      hitSet = new Set(hits);
      hit = -1;
      chosen = null;
      draw(); panel();
    }
    function next(by) {
      if (!hits.length) return;
      hit = (hit + by + hits.length) % hits.length;
      choose(hits[hit]);
    }
    function beside(by) {
      if (chosen.n === undefined) return;
      const u = data.nodes[chosen.n].u;
      if (isGroup(u) && open.has(u)) {
        const m = data.units[u].m;
        return choose(m[(data.nodes[chosen.n].i + by + m.length) % m.length]);
      }
      const column = data.columns[box[u].r].filter(i => i < data.units.length);
      const other = column[(column.indexOf(u) + by + column.length) % column.length];
      if (isGroup(other)) chooseUnit(other); else choose(data.units[other].m[0]);
    }
    function theme() {
      const root = document.documentElement;
      const isDark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme:dark)').matches;
      root.dataset.theme = isDark ? 'light' : 'dark';
    }
    function key(e) {
      if (e.target === $('search')) {
        if (e.key === 'Enter') { next(e.shiftKey ? -1 : 1); e.preventDefault(); }
        if (e.key === 'Escape') { $('search').value = ''; search(''); $('stage').focus(); }
        return;
      }
      if (e.ctrlKey || e.metaKey || e.altKey) return;
      if (e.target.tagName === 'BUTTON' && (e.key === 'Enter' || e.key === ' ')) return;
      const pan = 60, none = chosen === null;
      const act = {
        '/': () => $('search').focus(), '+': () => zoom(1.25), '=': () => zoom(1.25), '-': () => zoom(0.8), '0': fit,
        'n': () => next(1), 'N': () => next(-1), 'c': () => all(false), 'e': () => all(true), 't': theme,
        'Escape': () => { chosen = null; $('search').value = ''; search(''); },
        'Enter': () => { if (!none) { const u = chosen.n !== undefined ? data.nodes[chosen.n].u : chosen.u; if (isGroup(u)) toggle(u); } },
        'ArrowLeft': () => { if (none || chosen.n === undefined) { at.x += pan; move(); } else if (reads[chosen.n].length) choose(reads[chosen.n][0]); },
        'ArrowRight': () => { if (none || chosen.n === undefined) { at.x -= pan; move(); } else if (readers[chosen.n].length) choose(readers[chosen.n][0]); },
        'ArrowUp': () => { if (none || chosen.n === undefined) { at.y += pan; move(); } else beside(-1); },
        'ArrowDown': () => { if (none || chosen.n === undefined) { at.y -= pan; move(); } else beside(1); },
        '?': () => { chosen = null; panel(); },
      }[e.key === ' ' ? 'Enter' : e.key];
      if (act) { act(); e.preventDefault(); }
    }
    function listen() {
      const stage = $('stage');
      let drag = null, moved = false;
      stage.addEventListener('pointerdown', e => { drag = {x: e.clientX - at.x, y: e.clientY - at.y}; moved = false; });
      addEventListener('pointermove', e => {
        if (!drag) return;
        const x = e.clientX - drag.x, y = e.clientY - drag.y;
        if (!moved && Math.abs(x - at.x) + Math.abs(y - at.y) < 4) return;
        moved = true; at.x = x; at.y = y; move();
      });
      addEventListener('pointerup', () => drag = null);
      stage.addEventListener('click', e => {
        if (moved) return;
        const g = e.target.closest('[data-n],[data-u]');
        if (!g) { chosen = null; draw(); panel(); return; }
        if (g.dataset.n !== undefined) choose(+g.dataset.n);
        else { toggle(+g.dataset.u); chooseUnit(+g.dataset.u); }
      });
      stage.addEventListener('wheel', e => { e.preventDefault(); zoom(Math.exp(-e.deltaY * 0.0015), e.clientX, e.clientY); }, {passive: false});
      addEventListener('keydown', key);
      $('search').addEventListener('input', e => search(e.target.value));
      document.addEventListener('click', e => {
        const b = e.target.closest('button');
        if (!b) return;
        if (b.dataset.go !== undefined) choose(+b.dataset.go);
        if (b.dataset.toggle !== undefined) toggle(+b.dataset.toggle);
        if (b.dataset.state) {
          if (off.has(b.dataset.state)) off.delete(b.dataset.state); else off.add(b.dataset.state);
          b.setAttribute('aria-pressed', !off.has(b.dataset.state)); draw();
        }
        const act = {fit, theme, expand: () => all(true), collapse: () => all(false), closer: () => zoom(1.25), farther: () => zoom(0.8)}[b.dataset.act];
        if (act) act();
      });
      addEventListener('resize', move);
    }
    /* #q=…&open=all|LABEL&choose=LABEL&theme=dark|light: a place in the picture can be sent to somebody. */
    function address() {
      const p = new URLSearchParams(location.hash.slice(1));
      if (p.get('theme')) document.documentElement.dataset.theme = p.get('theme');
      if (p.get('open') === 'all') all(true);
      else if (p.get('open')) { data.units.forEach((u, i) => { if (u.l === p.get('open')) open.add(i); }); place(); draw(); fit(); }
      if (p.get('q')) { $('search').value = p.get('q'); search(p.get('q')); }
      const n = p.get('choose') ? data.nodes.findIndex(v => v.l === p.get('choose')) : -1;
      if (n >= 0) choose(n);
    }

    """#

  /// The watch's page, which is told what happens, and the start of both.
  private static let living = #"""
    function live() {
      const token = encodeURIComponent(new URLSearchParams(location.search).get('token') || '');
      let planned = 0, done = 0, due = false;
      const say = t => { $('status').textContent = t; };
      const redraw = () => { if (!due) { due = true; setTimeout(() => { due = false; draw(); }, 200); } };
      function now() {
        const names = [...running.keys()];
        say(`${done} of ${Math.max(planned, done)}` + (names.length ? ', running: ' + names.slice(0, 3).join(', ') + (names.length > 3 ? ` and ${names.length - 3} more` : '') : ''));
        $('bar').max = Math.max(planned, done, 1);
        $('bar').value = done;
      }
      async function reload() {
        const r = await fetch('/graph.json?token=' + token);
        if (!r.ok) return;
        const names = new Set([...open].map(u => data.units[u].l)), was = data.units.length;
        take(await r.json());
        open = new Set(data.units.map((_, u) => u).filter(u => isGroup(u) && names.has(data.units[u].l)));
        chosen = null;
        place(); draw(); panel();
        if (!was) fit();
      }
      const on = {
        hello: e => { document.body.dataset.connected = 'yes'; },
        buildStarted: () => { planned = done = 0; running.clear(); $('bar').hidden = false; say('looking'); $('failures').innerHTML = ''; },
        planned: e => { planned = e.steps; now(); },
        stepStarted: e => { running.set(e.label, e.time); now(); redraw(); },
        stepFinished: e => {
          running.delete(e.label); done++;
          const n = byLabel.get(e.label);
          if (n !== undefined && e.status !== 'cancelled') data.nodes[n].s = e.status;
          if (e.status === 'failed') $('failures').insertAdjacentHTML('beforeend',
            `<details open><summary>failed: ${esc(e.label)}: ${esc(e.message || '')}</summary>${e.log ? `<pre>${esc(e.log)}</pre>` : ''}</details>`);
          now(); redraw();
        },
        diagnostic: e => { $('failures').insertAdjacentHTML('beforeend',
          `<p class="${esc(e.severity)}">${e.file ? esc(e.file) + ':' + e.line + ': ' : ''}${esc(e.severity)}: ${esc(e.message)}</p>`); },
        changed: e => say('changed: ' + e.paths.join(', ')),
        buildFinished: e => {
          running.clear(); $('bar').hidden = true;
          document.body.dataset.status = e.status; document.body.dataset.run = e.run;
          say(`${e.status}: ${e.steps} steps, ${e.run} run, ${e.cached} unchanged, ${e.failed} failed (${e.seconds.toFixed(2)} s)`);
          reload();
        },
      };
      const events = new EventSource('/events?token=' + token);
      events.onmessage = m => { const e = JSON.parse(m.data); if (on[e.event]) on[e.event](e); };
      events.onerror = () => { document.body.dataset.connected = 'no'; say('the watch has ended, or is not heard; waiting for it'); };
      addEventListener('beforeunload', () => events.close());
    }
    take(JSON.parse($('data').textContent));
    place(); listen(); draw(); panel(); fit(); address();
    if (document.body.dataset.live === 'yes') live();
    document.body.dataset.ready = 'yes';
    })();
    """#
}
