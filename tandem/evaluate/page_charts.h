// The small tools and the charts of report.html. Charts are SVG, drawn at the width they get and again when it changes;
// colours come from the style sheet, so that light and dark need no redrawing.
#pragma once
#include <string_view>

namespace tandem::evaluate {

inline constexpr std::string_view page_tools = R"js(
const D = JSON.parse(document.getElementById('report-data').textContent);
const svg_space = document.getElementById('ns').namespaceURI;
const store = {
  get(key) { try { return localStorage.getItem('tandem.' + key); } catch { return null; } },
  set(key, value) { try { localStorage.setItem('tandem.' + key, value); } catch { /* private mode: not remembered */ } },
};
const state = {
  language: ['en', 'zh'].includes(store.get('language')) ? store.get('language') : /^zh/i.test(navigator.language || '') ? 'zh' : 'en',
  theme: ['light', 'dark'].includes(store.get('theme')) ? store.get('theme') : 'auto',
  along: 'epochs',
};
/* Each epoch's row ends with the time of training by then, in minutes when the whole took three or more, else in seconds;
   null where a time is missing. A search's page has no epochs. */
const epochs = D.history || [];
const clock = epochs.reduce((sum, row) => sum + row[6], 0) >= 180 ? 60 : 1;
epochs.forEach((row, i) => { const before = i ? epochs[i - 1][7] : 0; row[7] = before == null || row[6] == null ? null : before + row[6] / clock; });
const timed = epochs.length > 1 && epochs.every(row => row[7] != null);

const locale = () => state.language === 'zh' ? 'zh-CN' : 'en';
const t = (key, fill = {}) => words[state.language][key].replace(/\{(\w+)\}/g, (_, name) => fill[name] ?? '');
const gap = () => state.language === 'zh' ? '' : ' ';  // between sentences
const colon = () => state.language === 'zh' ? '：' : ': ';
const known = name => words[state.language].names[name.toLowerCase().replace(/[-_]/g, ' ')] || name.replace(/_/g, ' ');  // of tasks and splits
const whole = n => Number(n).toLocaleString(locale());
const percent = (x, digits = 1) => x == null ? '–' :
  x.toLocaleString(locale(), {style: 'percent', minimumFractionDigits: digits, maximumFractionDigits: digits});
const fixed = (x, digits = 4) => x == null ? '–' : x.toLocaleString(locale(), {minimumFractionDigits: digits, maximumFractionDigits: digits});
const short = x => x == null ? '–' : x === 0 ? '0' : Math.abs(x) < 1e-3 || Math.abs(x) >= 1e6 ? x.toExponential(1).replace(/\.0e/, 'e').replace('e+', 'e') :
  String(Number(x.toPrecision(4)));
const compact = n => n < 1e7 ? whole(n) : n.toLocaleString(locale(), {notation: 'compact', maximumSignificantDigits: 3});
const probability = p => p >= .99995 ? percent(p, 0) : percent(p, p > .999 || p < .001 ? 2 : 1);
function duration(s) {
  if (!(s > 0)) return '–';
  if (s >= 10) s = Math.round(s);
  const [h, m, sec] = state.language === 'zh' ? [' 小时', ' 分', ' 秒'] : [' h', ' min', ' s'];
  if (s < 60) return (s < 10 ? fixed(s, 1) : whole(s)) + sec;
  if (s < 3600) return Math.floor(s / 60) + m + (s % 60 && s < 600 ? ' ' + s % 60 + sec : '');
  return Math.floor(s / 3600) + h + ' ' + Math.floor(s % 3600 / 60) + m;
}

function dress(node, props) {
  for (const [key, value] of Object.entries(props || {})) {
    if (value == null || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key === 'style') node.style.cssText = value;
    else node.setAttribute(key, value === true ? '' : value);
  }
  return node;
}
/* Texts become text nodes only: nothing from the data is ever read as markup. */
const el = (tag, props, ...kids) => {
  const node = dress(document.createElement(tag), props);
  node.append(...kids.flat(Infinity).filter(kid => kid != null && kid !== false));
  return node;
};
const sv = (tag, props, ...kids) => {
  const node = dress(document.createElementNS(svg_space, tag), props);
  node.append(...kids.flat(Infinity).filter(kid => kid != null && kid !== false));
  return node;
};

const tip = document.getElementById('tip');
function show_tip(text, x, y) {
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect(), room = document.documentElement.clientWidth;
  const left = Math.max(8, Math.min(x + 14, room - box.width - 8));
  tip.style.left = left + scrollX + 'px';
  tip.style.top = (y - box.height - 12 < 0 ? y + 18 : y - box.height - 12) + scrollY + 'px';
}
const hide_tip = () => { tip.hidden = true; };

/* A box whose content is drawn for its width, now and whenever the width changes. */
const watcher = new ResizeObserver(entries => {
  for (const {target, contentRect} of entries) {
    const width = Math.round(contentRect.width);
    if (width > 0 && target.drawn !== width) { target.drawn = width; target.draw(width); }
  }
});
function canvas(kind, draw) {
  const box = el('div', {class: 'chart ' + kind});
  box.draw = draw.bind(null, box);
  watcher.observe(box);
  return box;
}
)js";

inline constexpr std::string_view page_charts = R"js(
/* The round step that gives about `count` ticks over [low, high]. */
function round_step(low, high, count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 2.5, 5, 10].find(m => m * power >= raw * .999);
}
function multiples(step, low, high) {
  const out = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i) out.push(Number((i * step).toPrecision(12)));
  return out;
}
const ticks = (low, high, count) => multiples(round_step(low, high, count), low, high);
const linear = (low, high, from, to) => Object.assign(x => from + (x - low) / (high - low) * (to - from), {low, high});
const path = points => {
  let out = '', pen = 'M';
  for (const [x, y] of points) {
    if (x == null || y == null || !isFinite(x) || !isFinite(y)) { pen = 'M'; continue; }
    out += pen + x.toFixed(1) + ' ' + y.toFixed(1);
    pen = 'L';
  }
  return out;
};

/* Axes with labels: returns the drawing, its scales and its frame. */
function axes(width, height, x, y, description) {
  const frame = {left: y.label ? 64 : 46, right: width - (x.room || 12), top: 10, bottom: height - (x.label ? 40 : 24)};
  const sx = linear(x.low, x.high, frame.left, frame.right), sy = linear(y.low, y.high, frame.bottom, frame.top);
  const drawing = sv('svg', {viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': description});
  if (y.label) drawing.append(sv('text', {transform: `translate(12 ${(frame.top + frame.bottom) / 2}) rotate(-90)`, 'text-anchor': 'middle'}, y.label));
  for (const value of y.ticks) {
    drawing.append(sv('line', {class: value === y.low ? 'base' : 'axis', x1: frame.left, x2: frame.right, y1: sy(value), y2: sy(value)}),
      sv('text', {x: frame.left - 8, y: sy(value) + 4, 'text-anchor': 'end'}, y.format(value)));
  }
  if (!y.ticks.includes(y.low)) drawing.append(sv('line', {class: 'base', x1: frame.left, x2: frame.right, y1: frame.bottom, y2: frame.bottom}));
  for (const value of x.ticks) drawing.append(sv('text', {x: sx(value), y: frame.bottom + 17, 'text-anchor': 'middle'}, x.format(value)));
  if (x.label) drawing.append(sv('text', {class: 'label', x: (frame.left + frame.right) / 2, y: height - 4, 'text-anchor': 'middle'}, x.label));
  return {drawing, sx, sy, frame};
}

/* Training curves share the epoch under the pointer. */
const epoch_charts = new Set();
function point_at_epoch(index) { for (const chart of epoch_charts) chart.point(index); }

const over_time = () => state.along === 'time';

/* Lines over epochs or time. lines: {name, colour, column}; names stand at the line ends. */
function epoch_chart(title, lines, format, options = {}) {
  const rows = D.history, used = lines.filter(line => rows.some(row => row[line.column] != null));
  if (!used.length) return null;
  const box = canvas('', (self, width) => {
    const x_column = over_time() ? 7 : 0;  // of a row of the history
    const height = options.height || Math.max(190, Math.min(270, width * .56));
    const all = used.flatMap(line => rows.map(row => row[line.column])).filter(v => v != null);
    let low = options.zero ? 0 : Math.min(...all), high = Math.max(...all);
    if (high <= low) { const pad = Math.abs(high) * .1 || .1; low = options.zero ? 0 : low - pad; high += pad; }
    const step = round_step(low, high, height < 160 ? 2 : 4);
    if (!options.zero) low = Math.floor(low / step + 1e-9) * step;
    high = Math.ceil(high / step - 1e-9) * step;
    if (options.top) high = Math.min(high, options.top);
    const last = rows[rows.length - 1][x_column], first = over_time() ? 0 : rows[0][0], alone = first === last;
    const names = used.length > 1, room = names ? 14 + Math.max(...used.map(line => line.name.length)) * (state.language === 'zh' ? 12.5 : 6.6) : 12;
    const x_marks = alone ? [first] : over_time() ? ticks(first, last, Math.max(3, width / 90)) :
      ticks(first, last, Math.min(rows.length - 1, Math.max(3, width / 90))).filter(Number.isInteger);
    const {drawing, sx, sy, frame} = axes(width, height,
      {low: alone ? first - 1 : first, high: alone ? last + 1 : last, ticks: x_marks, format: over_time() ? short : whole, label: options.bare ? '' : t(!over_time() ? 'epoch' : clock === 60 ? 'minutes' : 'seconds'), room},
      {low, high, ticks: multiples(step, low, high), format}, title);
    const best = rows.find(row => row[0] === D.kept);
    if (best && !alone) {
      const x = sx(best[x_column]), right_half = x > (frame.left + frame.right) / 2;
      drawing.append(sv('line', {class: 'dashed', x1: x, x2: x, y1: frame.top, y2: frame.bottom}));
      if (options.best) drawing.append(sv('text', {class: 'halo', x: x + (right_half ? -6 : 6), y: options.best === 'below' ? frame.bottom - 9 : frame.top + 10, 'text-anchor': right_half ? 'end' : 'start'}, t('kept', {n: D.kept})));
    }
    const ends = [];
    for (const line of used) {
      const points = rows.map(row => [sx(row[x_column]), row[line.column] == null ? null : sy(row[line.column])]);
      drawing.append(sv('path', {class: 'series', style: `stroke:${line.colour}`, d: path(points)}));
      const seen = points.filter(p => p[1] != null), dots = seen.length === 1 ? seen : best && best[line.column] != null && line.best ? [[sx(best[x_column]), sy(best[line.column])]] : [];
      for (const [x, y] of dots) drawing.append(sv('circle', {cx: x, cy: y, r: 3.5, style: `fill:${line.colour}`}));
      ends.push({line, x: seen[seen.length - 1][0], y: seen[seen.length - 1][1]});
    }
    ends.sort((a, b) => a.y - b.y);
    for (let i = 1; i < ends.length; ++i) ends[i].y = Math.max(ends[i].y, ends[i - 1].y + 15);
    const over = ends.length ? ends[ends.length - 1].y - frame.bottom : 0;
    if (names) for (const end of ends)
      drawing.append(sv('text', {class: 'strong', x: frame.right + 8, y: end.y - Math.max(0, over) + 4, style: `fill:${end.line.colour}`}, end.line.name));
    const cursor = sv('g', {visibility: 'hidden'});
    drawing.append(cursor);
    self.point = index => {
      cursor.replaceChildren();
      cursor.setAttribute('visibility', index == null ? 'hidden' : 'visible');
      if (index == null) return;
      const x = sx(rows[index][x_column]);
      cursor.append(sv('line', {class: 'base', x1: x, x2: x, y1: frame.top, y2: frame.bottom}));
      for (const line of used) {
        const value = rows[index][line.column];
        if (value != null) cursor.append(sv('circle', {cx: x, cy: sy(value), r: 4, style: `fill:${line.colour};stroke:var(--paper);stroke-width:1.5`}));
      }
    };
    let index = null;
    const tell = (at, px, py) => {
      index = at;
      point_at_epoch(at);
      const lines_text = used.filter(line => rows[at][line.column] != null).map(line => `${line.name}: ${format(rows[at][line.column], true)}`);
      show_tip([`${t('epoch')} ${rows[at][0]}`, over_time() && t('after', {t: duration(clock * rows[at][7])}), ...lines_text].filter(Boolean).join('\n'), px, py);
    };
    const leave = () => { index = null; point_at_epoch(null); hide_tip(); };
    dress(drawing, {tabindex: 0, onpointermove: event => {
      const at = drawing.getBoundingClientRect(), x = (event.clientX - at.left) * width / at.width;
      let nearest = 0;
      rows.forEach((row, i) => { if (Math.abs(sx(row[x_column]) - x) < Math.abs(sx(rows[nearest][x_column]) - x)) nearest = i; });
      tell(nearest, event.clientX, event.clientY);
    }, onpointerleave: leave, onblur: leave, onkeydown: event => {
      const step_by = {ArrowLeft: -1, ArrowRight: 1, Home: -1e9, End: 1e9}[event.key];
      if (event.key === 'Escape') leave();
      if (!step_by) return;
      event.preventDefault();
      const next = Math.max(0, Math.min(rows.length - 1, (index ?? (step_by > 0 ? -1 : rows.length)) + step_by));
      const at = drawing.getBoundingClientRect();
      tell(next, at.left + sx(rows[next][x_column]) * at.width / width, at.top + frame.top + 30);
    }});
    self.replaceChildren(drawing);
  });
  box.point = () => {};
  epoch_charts.add(box);
  return box;
}

/* ROC or PR curves of all classes: one path a class, the picked one in front. */
const curve_boxes = new Set();
const curve_colour = c => classes.length <= 8 ? `var(--c${c})` : 'var(--accent)';
function pick_curve(c) {
  state.curve = c;
  for (const box of curve_boxes) box.pick(c);
}
function curve_chart(kind, x_label, y_label) {
  const box = canvas(classes.length <= 8 ? 'few' : classes.length <= 24 ? 'many' : 'many crowd', (self, width) => {
    const height = Math.min(width * .86, 430), corner = state.corner;
    const x_low = kind === 'pr' && corner ? .9 : 0, x_high = kind === 'roc' && corner ? .1 : 1, y_low = corner ? .9 : 0;
    const format = v => fixed(v, corner ? 2 : 1);
    const {drawing, sx, sy, frame} = axes(width, height, {low: x_low, high: x_high, ticks: ticks(x_low, x_high, 5), format, label: x_label},
      {low: y_low, high: 1, ticks: ticks(y_low, 1, 5), format, label: y_label}, `${t(kind)}: ${x_label}, ${y_label}`);
    const clip = 'clip-' + kind;
    drawing.append(sv('clipPath', {id: clip}, sv('rect', {x: frame.left, y: frame.top - 2, width: frame.right - frame.left, height: frame.bottom - frame.top + 2})));
    const lines = sv('g', {'clip-path': `url(#${clip})`});
    if (kind === 'roc' && !corner) lines.append(sv('line', {class: 'dashed', x1: sx(0), y1: sy(0), x2: sx(1), y2: sy(1)}));
    const drawn = [];
    D.curves.forEach((curve, c) => {
      if (!curve) return;
      const flat = curve[kind], points = [];
      for (let i = 0; i < flat.length; i += 2) points.push([sx(flat[i]), sy(flat[i + 1])]);
      const line = sv('path', {class: 'curve', d: path(points), style: classes.length <= 8 ? `stroke:${curve_colour(c)}` : null});
      drawn.push({c, points, line});
      lines.append(line);
    });
    const caption = sv('text', {class: 'strong', x: kind === 'roc' ? frame.right - 10 : frame.left + 12, y: frame.bottom - 14, 'text-anchor': kind === 'roc' ? 'end' : 'start'});
    caption.classList.add('halo');
    drawing.append(lines, caption);
    self.pick = c => {
      self.classList.toggle('picked', c != null);
      for (const one of drawn) {
        one.line.classList.toggle('on', one.c === c);
        if (one.c === c) lines.append(one.line);
      }
      caption.textContent = c == null || !D.curves[c] ? '' : `${classes[c].name} · ${t(kind === 'roc' ? 'class_auc' : 'ap')} ${fixed(kind === 'roc' ? classes[c].auc : classes[c].ap)}`;
    };
    drawing.addEventListener('pointermove', event => {
      const at = drawing.getBoundingClientRect(), x = (event.clientX - at.left) * width / at.width, y = (event.clientY - at.top) * height / at.height;
      let best = null, least = 24;
      for (const one of drawn) for (let i = 1; i < one.points.length; ++i) {
        const off = to_segment(x, y, one.points[i - 1], one.points[i]);
        if (off < least) { least = off; best = one.c; }
      }
      if (best != null && best !== state.curve) pick_curve(best);
    });
    self.pick(state.curve);
    self.replaceChildren(drawing);
  });
  box.pick = () => {};
  curve_boxes.add(box);
  return box;
}
function to_segment(x, y, [ax, ay], [bx, by]) {
  const dx = bx - ax, dy = by - ay, length = dx * dx + dy * dy;
  const s = length ? Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / length)) : 0;
  return Math.hypot(ax + s * dx - x, ay + s * dy - y);
}

/* Share right over confidence, and under it how many examples each bin has (log scale). */
function reliability_chart() {
  return canvas('bins', (self, width) => {
    const upper = Math.min(width * .82, 360), lower = 74, height = upper + lower;
    const marks = [0, .2, .4, .6, .8, 1], as_percent = v => percent(v, 0);
    const {drawing, sx, sy, frame} = axes(width, upper, {low: 0, high: 1, ticks: marks, format: as_percent}, {low: 0, high: 1, ticks: marks, format: as_percent, label: t('right_share')}, t('calibration'));
    drawing.setAttribute('viewBox', `0 0 ${width} ${height}`);
    const most = Math.max(...R.bins.map(b => b[2])), floor = upper + 46, tall = 40;
    const few = n => n < 1000 ? String(n) : n < 1e6 ? Number((n / 1000).toPrecision(2)) + 'k' : Number((n / 1e6).toPrecision(2)) + 'M';
    const fits = R.bins.every(b => few(b[2]).length * 5.7 + 2 < sx(b[1]) - sx(b[0]));
    for (const [low, high, n, confidence, accuracy] of R.bins) {
      if (!n) continue;
      const x = sx(low) + 1, w = sx(high) - sx(low) - 2, size = Math.max(1.5, Math.log(n + 1) / Math.log(most + 1) * tall);
      const text = t('bin', {low: percent(low, 0), high: percent(high, 0)}) + '\n' + t('bin_tip', {n: whole(n), c: percent(confidence), a: percent(accuracy)});
      drawing.append(sv('g', {onpointermove: e => show_tip(text, e.clientX, e.clientY), onpointerleave: hide_tip},
        sv('rect', {x, width: w, y: frame.top, height: floor - frame.top, fill: 'transparent'}),
        sv('rect', {class: 'bin', x, width: w, y: Math.max(sy(accuracy), sy(confidence)), height: frame.bottom - Math.max(sy(accuracy), sy(confidence))}),
        sv('rect', {class: 'gap', x, width: w, y: Math.min(sy(accuracy), sy(confidence)), height: Math.abs(sy(accuracy) - sy(confidence))}),
        sv('line', {class: 'bin-top', x1: x, x2: x + w, y1: sy(accuracy), y2: sy(accuracy)}),
        sv('rect', {class: 'count-bar', x, width: w, y: floor - size, height: size}),
        fits && sv('text', {x: x + w / 2, y: floor + 13, 'text-anchor': 'middle', style: 'font-size:9.5px'}, few(n))));
    }
    drawing.append(sv('line', {class: 'dashed', x1: sx(0), y1: sy(0), x2: sx(1), y2: sy(1)}),
      sv('line', {class: 'base', x1: frame.left, x2: frame.right, y1: floor, y2: floor}),
      sv('text', {x: (frame.left + frame.right) / 2, y: height + 2, 'text-anchor': 'middle'}, t('confidence_n')));
    self.replaceChildren(drawing);
  });
}
)js";

}  // namespace tandem::evaluate
