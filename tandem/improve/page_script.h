// The sections of a search's page. Tools, axes and the frame are those of the report (evaluate/page_charts.h).
#pragma once
#include <string_view>

namespace tandem::improve {

inline constexpr std::string_view page_style = R"css(
.figures { display: grid; grid-template-columns: minmax(230px, 1.5fr) repeat(3, minmax(0, 1fr)); gap: 26px 32px; align-items: start; }
.figures .hero { grid-row: span 2; }
.figures dt { color: var(--soft); font-size: 13.5px; }
.figures dd { font-size: 24px; line-height: 1.25; font-weight: 620; letter-spacing: -.01em; }
.figures .hero dd { font-size: 52px; line-height: 1.1; font-weight: 680; letter-spacing: -.03em; }
.figures dd small { display: block; font-size: 13px; line-height: 1.45; font-weight: 400; letter-spacing: 0; color: var(--soft); margin-top: 2px; }
.words { margin-top: 32px; max-width: 68ch; font-size: 16.5px; line-height: 1.65; text-wrap: pretty; }
.dot { fill: var(--paper); stroke: var(--faint); stroke-width: 1.5; }
.dot.finished { fill: var(--accent); stroke: var(--paper); }
.dot.failed { fill: none; stroke: var(--wrong); }
.dot.lead { fill: var(--wrong); stroke: var(--paper); r: 5.5px; }
.dot:hover { stroke: var(--ink); stroke-width: 2; }
.best-line { stroke: var(--accent); }
.bars { display: grid; grid-template-columns: minmax(0, max-content) minmax(90px, 1fr) 4em; gap: 9px 18px; align-items: center; max-width: 760px; font-size: 14px; }
.bars .track { height: 8px; border-radius: 4px; background: var(--panel); }
.bars .track i { display: block; height: 100%; border-radius: 4px; background: var(--accent); min-width: 2px; }
.bars .figure { text-align: right; } .bars .name { overflow-wrap: anywhere; }
.slices { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: 34px 36px; }
.slices h3 { overflow-wrap: anywhere; margin-bottom: 6px; }
.thread { fill: none; stroke-width: 1.25; stroke-linejoin: round; }
.thread.on { stroke: var(--wrong) !important; stroke-width: 2.5; stroke-opacity: 1 !important; }
.catch { fill: none; stroke: transparent; stroke-width: 9; }
table.rows { border-collapse: collapse; width: 100%; font-size: 13.5px; }
table.rows th { font-weight: 500; color: var(--soft); font-size: 13px; text-align: right; padding: 6px 0 6px 18px; white-space: nowrap;
  position: sticky; top: 0; background: var(--paper); box-shadow: inset 0 -1px var(--line); }
table.rows td { text-align: right; padding: 5px 0 5px 18px; border-bottom: 1px solid var(--line); white-space: nowrap; }
table.rows th:first-child, table.rows td:first-child { text-align: left; padding-left: 0; }
table.rows td.long { text-align: left; white-space: normal; color: var(--wrong); min-width: 30em; }
table.rows td.cut { max-width: 16em; overflow: hidden; text-overflow: ellipsis; }
.tall { max-height: 560px; }
.recipe { position: relative; }
.recipe pre { background: var(--panel); border-radius: 8px; padding: 18px 20px; font-size: 13px; line-height: 1.6; overflow: auto; max-height: 620px; }
.recipe .plain { position: absolute; top: 12px; right: 12px; }
.steps li { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1.2fr) auto; gap: 6px 24px; align-items: center; padding: 9px 0; border-bottom: 1px solid var(--line); }
.steps code { font-size: 13px; overflow-wrap: anywhere; }
@media (max-width: 900px) { .figures { grid-template-columns: repeat(3, minmax(0, 1fr)); } .figures .hero { grid-row: auto; grid-column: 1 / -1; } }
@media (max-width: 680px) {
  .figures { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 22px 20px; } .figures dd { font-size: 21px; }
  .steps li { grid-template-columns: minmax(0, 1fr) auto; } .steps .purpose { grid-column: 1 / -1; grid-row: 1; }
  .recipe pre { padding-top: 48px; }
}
@media print { .tall, .recipe pre { max-height: none; overflow: visible; } .toc, .switches, .plain, .tip, .skip { display: none !important; } .frame { display: block; } }
)css";

inline constexpr std::string_view page_sections = R"js(
const P = D.parameters, O = D.objectives, T = D.trials;
const by_id = new Map(T.map(trial => [trial.id, trial]));
const measured = T.filter(trial => trial.values.length && trial.state !== 'failed');
const count = kind => T.filter(trial => trial.state === kind).length;
const leader = by_id.get(D.order[0]), has_best = measured.length > 0;
const objective_name = k => known(O[k].name);
const value_text = (k, v) => v == null ? '–' : O[k].name === 'accuracy' ? percent(v, 2) : O[k].name === 'latency' ? t('ms', {n: fixed(v, 3)}) : O[k].name === 'loss' ? fixed(v) : compact(v);
const tick_text = k => v => O[k].name === 'accuracy' ? percent(v, v * 100 % 1 ? v * 1000 % 1 > 1e-6 && v * 1000 % 1 < .999999 ? 2 : 1 : 0) : short(v);
const setting = (j, v) => v == null ? '–' : P[j].choices.length ? P[j].choices[v] : short(v);
const told = trial => [`${t('trial')} ${trial.id}, ${t('en', {n: trial.epochs + ' / ' + trial.limit})}, ${words[state.language].states[trial.state]}`,
  ...trial.values.map((v, k) => objective_name(k) + colon() + value_text(k, v)), ...P.map((p, j) => trial.point[j] == null ? null : p.name + colon() + setting(j, trial.point[j])).filter(Boolean), trial.message].filter(Boolean).join('\n');
const hover = trial => ({onpointerenter: event => show_tip(told(trial), event.clientX, event.clientY), onpointerleave: hide_tip});
const dot = (trial, x, y, r = 4) => sv('circle', {class: `dot ${trial.state}${trial === leader ? ' lead' : ''}`, cx: x, cy: y, r, ...hover(trial)});

/* The range that most values lie in: one trial that went astray must not flatten the rest. */
function span_of(values) {
  const sorted = [...values].sort((a, b) => a - b), at = q => sorted[Math.round(q * (sorted.length - 1))];
  let low = sorted[0], high = sorted[sorted.length - 1];
  const inner = at(.9) - at(.1);
  if (sorted.length >= 10 && inner > 0) { low = Math.max(low, at(.1) - 1.5 * inner); high = Math.min(high, at(.9) + 1.5 * inner); }
  if (high <= low) { const pad = Math.abs(high) * .05 || .1; low -= pad; high += pad; }
  const pad = (high - low) * .06;
  return [low - pad, high + pad];
}
const inside = (v, [low, high]) => Math.max(low, Math.min(high, v));

function value_axis(k, height) {
  const range = span_of(measured.map(trial => trial.values[k]));
  return {low: range[0], high: range[1], range, ticks: ticks(range[0], range[1], height < 200 ? 3 : 5), format: tick_text(k)};
}
/* Where a setting stands on its axis, and what stands below it. */
function setting_axis(j, room) {
  const p = P[j];
  if (p.choices.length) {
    const n = p.choices.length, letters = Math.max(3, Math.floor(room / n / 7));
    return {low: -.5, high: n - .5, at: v => v, ticks: p.choices.map((_, i) => i).filter(i => n <= 12 || i % Math.ceil(n / 12) === 0),
      format: i => p.choices[i].length > letters ? p.choices[i].slice(0, letters - 1) + '…' : p.choices[i]};
  }
  const low = p.log ? Math.log10(p.low) : p.low, high = p.log ? Math.log10(p.high) : p.high, pad = (high - low) * .03 || .5;
  let marks = ticks(low, high > low ? high : low + 1, Math.max(2, Math.floor(room / 75)));
  if (p.log) {
    const round = steps => { const out = []; for (let k = Math.floor(low); k <= high; ++k) for (const m of steps) if (m * 10 ** k >= p.low * .999 && m * 10 ** k <= p.high * 1.001) out.push(Math.log10(m) + k); return out; };
    const powers = round([1]);
    marks = powers.length >= 3 ? powers : round(high - low > .8 ? [1, 2, 5] : [1, 1.5, 2, 3, 5, 7]);
    if (marks.length < 2) marks = [low, high];
  }
  return {low: low - pad, high: high + pad, at: p.log ? v => Math.log10(v) : v => v, ticks: marks, format: p.log ? v => short(Number((10 ** v).toPrecision(2))) : short};
}

function summary_section() {
  if (!has_best) return section('summary', el('p', {class: 'words'}, t('nothing')));
  const figure = (name, value, note, kind) => el('div', {class: kind}, el('dt', {}, name), el('dd', {}, value, note && el('small', {}, note)));
  const epochs = T.reduce((sum, trial) => sum + trial.epochs, 0), shares = D.importance.shares;
  const most = shares.length ? shares.indexOf(Math.max(...shares)) : -1;
  const sentences = [
    t(count('paused') ? 'said' : 'said_all', {n: whole(T.length), f: whole(count('finished')), p: whole(count('paused'))}),
    count('failed') ? t('said_bad', {n: whole(count('failed'))}) : '',
    most >= 0 && shares[most] >= .05 ? t('said_most', {a: P[most].name, p: percent(shares[most], 0)}) : ''].filter(Boolean);
  return section('summary', el('dl', {class: 'figures'},
    figure(t('best_of', {name: objective_name(0)}), value_text(0, leader.values[0]), t('best_note', {n: leader.id, e: leader.epochs, m: leader.limit}), 'hero'),
    figure(t('trials'), whole(T.length), t('trials_note', {n: whole(D.facts.planned)})), figure(t('finished'), whole(count('finished'))),
    figure(t('paused'), whole(count('paused')), t('paused_note')), figure(t('epochs'), whole(epochs)), figure(t('time'), duration(D.facts.seconds)),
    O.length > 1 ? figure(t('front_count'), whole(D.front.length), t('front_count_note')) : figure(t('failed'), whole(count('failed')), t('failed_note'))),
    el('p', {class: 'words'}, sentences.join(gap())));
}

function history_section() {
  if (!has_best) return null;
  return section('history', lead(t('history_lead')), canvas('', (self, width) => {
    const height = Math.max(230, Math.min(360, width * .42)), y = value_axis(0, height), last = T[T.length - 1].id;
    const {drawing, sx, sy} = axes(width, height, {low: 0, high: last + 1, ticks: ticks(1, Math.max(2, last), Math.min(last, width / 90)).filter(Number.isInteger), format: whole, label: t('trial')},
      {...y, label: objective_name(0)}, t('history'));
    let best = null;
    const steps = [];
    for (const trial of T) {
      if (trial.values.length && (trial.state === 'finished' || !count('finished') && trial.state !== 'failed')) {
        const v = trial.values[0];
        if (best == null || (O[0].larger ? v > best : v < best)) { if (best != null) steps.push([sx(trial.id), sy(inside(best, y.range))]); best = v; steps.push([sx(trial.id), sy(inside(v, y.range))]); }
      }
    }
    if (best != null) { steps.push([sx(last), sy(inside(best, y.range))]); drawing.append(sv('path', {class: 'series best-line', d: path(steps)})); }
    for (const trial of T) drawing.append(dot(trial, sx(trial.id), sy(trial.values.length && trial.state !== 'failed' ? inside(trial.values[0], y.range) : y.low)));
    self.replaceChildren(drawing);
  }));
}

function importance_section() {
  if (!has_best) return null;
  const shares = D.importance.shares;
  if (!shares.length) return section('importance', lead(t('importance_none')));
  const order = shares.map((share, j) => [share, j]).sort((a, b) => b[0] - a[0]), most = Math.max(order[0][0], 1e-9), e = D.importance.epochs;
  return section('importance', lead(t('importance_lead', {n: whole(D.importance.trials), e: e === 1 ? t('e1') : t('en', {n: e})})),
    el('div', {class: 'bars', role: 'list'}, order.map(([share, j]) => [el('span', {class: 'name', role: 'listitem'}, P[j].name),
      el('span', {class: 'track', 'aria-hidden': 'true'}, el('i', {style: `width:${share / most * 100}%`})), el('span', {class: 'figure'}, percent(share, 1))])));
}

function slices_section() {
  if (!has_best) return null;
  const used = P.map((_, j) => j).filter(j => P[j].choices.length > 1 || P[j].high > P[j].low);
  const shares = D.importance.shares;
  if (shares.length) used.sort((a, b) => shares[b] - shares[a]);
  return section('slices', lead(t('slices_lead')), el('div', {class: 'slices'}, used.map(j => el('figure', {}, el('h3', {}, P[j].name), canvas('', (self, width) => {
    const height = 190, x = setting_axis(j, width - 70), y = value_axis(0, height);
    const {drawing, sx, sy} = axes(width, height, x, y, P[j].name);
    for (const trial of measured) {
      if (trial.point[j] == null) continue;
      const shift = P[j].choices.length ? (trial.id * .618034 % 1 - .5) * .5 : 0;
      drawing.append(dot(trial, sx(x.at(trial.point[j]) + shift), sy(inside(trial.values[0], y.range)), 3.2));
    }
    self.replaceChildren(drawing);
  })))));
}

function parallel_section() {
  if (!has_best || P.length < 2) return null;
  return section('parallel', lead(t('parallel_lead')), el('div', {class: 'scroll'}, canvas('', (self, wide) => {
    const columns = P.length + 1, width = Math.max(wide, columns * 92), height = 372, top = 46, bottom = height - 30, left = 40, right = width - 56;
    const x = i => left + (right - left) * i / (columns - 1), value = value_axis(0, height);
    const drawing = sv('svg', {viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': t('parallel'), style: `min-width:${width}px`});
    const scales = P.map((_, j) => { const a = setting_axis(j, 200); return {a, y: linear(a.low, a.high, bottom, top)}; });
    const sy = linear(value.low, value.high, bottom, top);
    const ranks = [...measured].sort((a, b) => O[0].larger ? a.values[0] - b.values[0] : b.values[0] - a.values[0]);
    for (const [place, trial] of ranks.entries()) {
      const share = ranks.length > 1 ? place / (ranks.length - 1) : 1;
      const points = P.map((_, j) => [x(j), trial.point[j] == null ? null : scales[j].y(scales[j].a.at(trial.point[j]))]);
      points.push([x(P.length), sy(inside(trial.values[0], value.range))]);
      /* A parameter that is not there is passed by. */
      const line = path(points.filter(p => p[1] != null));
      const thread = sv('path', {class: 'thread', d: line, style: `stroke:${share > .5 ? 'var(--accent)' : 'var(--faint)'};stroke-opacity:${share > .5 ? .12 + .8 * (2 * share - 1) ** 3 : .14}`});
      drawing.append(thread, sv('path', {class: 'catch', d: line, onpointerenter: event => { thread.classList.add('on'); show_tip(told(trial), event.clientX, event.clientY); },
        onpointerleave: () => { thread.classList.remove('on'); hide_tip(); }}));
    }
    const label = (text, i) => sv('text', {class: 'strong', x: x(i), y: 12 + i % 2 * 16, 'text-anchor': i === 0 ? 'start' : i === P.length ? 'end' : 'middle'},
      text.length > 15 ? '…' + text.slice(-14) : text, sv('title', {}, text));
    P.forEach((p, j) => {
      drawing.append(sv('line', {class: 'base', x1: x(j), x2: x(j), y1: top, y2: bottom}), label(p.name, j));
      for (const v of scales[j].a.ticks) drawing.append(sv('text', {class: 'halo', x: x(j) - 6, y: scales[j].y(v) + 4, 'text-anchor': 'end'}, scales[j].a.format(v).slice(0, 9)));
    });
    drawing.append(sv('line', {class: 'base', x1: x(P.length), x2: x(P.length), y1: top, y2: bottom}), label(objective_name(0), P.length));
    for (const v of value.ticks) drawing.append(sv('text', {class: 'halo', x: x(P.length) + 7, y: sy(v) + 4}, value.format(v)));
    self.replaceChildren(drawing);
  })));
}

function front_section() {
  if (O.length < 2 || !has_best) return null;
  const charts = O.slice(1).map((_, m) => canvas('', (self, width) => {
    const k = m + 1, height = Math.max(250, Math.min(380, width * .45)), y = value_axis(0, height), x = value_axis(k, height);
    x.ticks = ticks(x.low, x.high, Math.max(3, width / 120));
    const {drawing, sx, sy} = axes(width, height, {...x, label: objective_name(k)}, {...y, label: objective_name(0)}, t('front'));
    const members = D.front.map(id => by_id.get(id)).sort((a, b) => a.values[k] - b.values[k]), place = trial => [sx(inside(trial.values[k], x.range)), sy(inside(trial.values[0], y.range))];
    drawing.append(sv('path', {class: 'series best-line', d: path(members.map(place))}));
    for (const trial of measured) drawing.append(dot(trial, ...place(trial), D.front.includes(trial.id) ? 5 : 3.5));
    self.replaceChildren(drawing);
  }));
  return section('front', lead(t('front_lead')), charts);
}

function table_section() {
  const rows = D.order.map(id => by_id.get(id)), first = 30;
  const row = trial => el('tr', {}, el('td', {}, String(trial.id)), el('td', {}, words[state.language].states[trial.state]), el('td', {}, `${trial.epochs} / ${trial.limit}`),
    O.map((_, k) => el('td', {}, value_text(k, trial.values[k]))), P.map((_, j) => el('td', {class: 'cut', title: setting(j, trial.point[j])}, setting(j, trial.point[j]))), trial.message && el('td', {class: 'long'}, trial.message));
  const body = el('tbody', {}, rows.slice(0, first).map(row));
  const more = rows.length > first && el('button', {class: 'plain', type: 'button', style: 'margin-top:12px', onclick: event => { body.append(...rows.slice(first).map(row)); event.target.remove(); }}, t('more', {n: whole(rows.length)}));
  return section('table', lead(t('table_lead')), el('div', {class: 'scroll tall', tabindex: 0}, el('table', {class: 'rows'}, el('thead', {}, el('tr', {},
    [t('trial'), t('state'), t('epochs'), ...O.map((_, k) => objective_name(k)), ...P.map(p => p.name)].map(name => el('th', {scope: 'col'}, name)))), body)), more);
}

function recipe_section() {
  if (!D.recipe) return null;
  return section('recipe', lead(t('recipe_lead')), el('div', {class: 'recipe'}, el('pre', {tabindex: 0}, D.recipe), copy_button(D.recipe)));
}

function next_section() {
  return section('next', lead(t('next_lead')), el('ul', {class: 'steps'}, D.next.map((command, i) => (i > 0 || has_best) &&
    el('li', {}, el('span', {class: 'purpose'}, t('step' + i)), el('code', {}, command), copy_button(command)))));
}

const about = () => [O.map((_, k) => objective_name(k)).join(', '), t('by', {sampler: D.facts.sampler.toUpperCase().replace('_', '-')}), D.facts.date, t('seed', {n: D.facts.seed})];
const makers = [summary_section, history_section, front_section, importance_section, slices_section, parallel_section, table_section, recipe_section, next_section];
const forget = () => {};
const shown = () => {};
)js";

}  // namespace tandem::improve
