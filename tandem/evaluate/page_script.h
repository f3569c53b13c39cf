// The sections of report.html, built from the data in the page; and the whole script in order.
#pragma once
#include <tandem/evaluate/page_charts.h>
#include <tandem/evaluate/page_decision.h>
#include <tandem/evaluate/page_people.h>
#include <tandem/evaluate/page_words.h>

#include <array>
#include <string_view>

namespace tandem::evaluate {

/// What the report's data holds, by the names that its sections use.
inline constexpr std::string_view page_report = R"js(
const classes = D.result.classes, F = D.facts, R = D.result;
const cells = new Map(R.cells.map(([t, g, n]) => [t + ',' + g, n]));
const cell_count = (t, g) => cells.get(t + ',' + g) || 0;
const examples = D.examples.map((e, slot) => ({id: e[0], truth: e[1], guess: e[2], p: e[3], p_truth: e[4], text: e[5], slot}));
const mixups = R.cells.filter(([t, g]) => t !== g).sort((a, b) => b[2] - a[2]);
/* How strong a cell's colour is: its share of the row; mistakes against the largest share among them (15% at least). */
const worst_share = Math.max(.15, ...mixups.map(([a, , n]) => n / classes[a].support));
const strength = (n, support, right) => right ? .16 + .84 * n / support : .07 + .66 * (n / support / worst_share) ** .65;
Object.assign(state, {
  cell: mixups.length ? [mixups[0][0], mixups[0][1]] : null,
  sort: classes.length > 24 ? {key: 'f1', up: true} : {key: null, up: true},
  curve: null, corner: null,
});
)js";

inline constexpr std::string_view page_common = R"js(
const lead = text => el('p', {class: 'lead'}, text);
const section = (id, ...kids) => el('section', {id, 'aria-labelledby': 'h-' + id}, el('h2', {id: 'h-' + id}, t(id)), kids);

function copy_button(text) {
  const button = el('button', {class: 'plain', type: 'button', onclick: async () => {
    try { await navigator.clipboard.writeText(text); } catch {
      const area = document.body.appendChild(el('textarea', {style: 'position:fixed;opacity:0'}));
      area.value = text;
      area.select();
      document.execCommand('copy');
      area.remove();
    }
    button.textContent = t('copied');
    setTimeout(() => { button.textContent = t('copy'); }, 1600);
  }}, t('copy'));
  return button;
}
)js";

inline constexpr std::string_view page_sections = R"js(
const name_of = c => classes[c].name;
/* One picture cut from the sheet, about `size` pixels on its longer side. */
const has_picture = e => e.slot < D.sheet.count;
function tile(e, size) {
  const {w, h, columns} = D.sheet, side = Math.max(w, h);
  const scale = side <= size ? Math.max(1, Math.round(size / side * 2) / 2) : size / side;
  const x = e.slot % columns * w * scale, y = Math.floor(e.slot / columns) * h * scale;
  return el('span', {class: side < 40 ? 'tile small' : 'tile', role: 'img',
    'aria-label': t('picture', {n: e.id, a: name_of(e.truth), b: name_of(e.guess), p: probability(e.p)}),
    style: `width:${w * scale}px;height:${h * scale}px;background-size:${columns * w * scale}px auto;background-position:${-x}px ${-y}px`});
}

function summary_section() {
  const figure = (key, value, note, kind) => el('div', {class: kind}, el('dt', {}, t(key)), el('dd', {}, value, kind && el('span', {class: 'share', 'aria-hidden': 'true'}, el('i', {style: `width:${R.accuracy * 100}%`})), note && el('small', {}, note)));
  const n = R.examples, mean = R.bins.reduce((sum, b) => sum + b[2] * b[3], 0) / n;
  const epochs = D.history.length === 1 ? t('epoch1') : D.history.length ? t('epochs', {n: whole(D.history.length)}) : '';
  const six = [
    figure('errors', whole(R.errors), t('of', {n: whole(n)})),
    figure('macro_f1', fixed(R.macro.f1), t('f1_note')),
    R.auc != null && figure('auc', fixed(R.auc), t(classes.length === 2 ? 'auc_note2' : 'auc_note')),
    figure('ece', percent(R.ece, 2), t('ece_note')),
    R.top5 != null && classes.length > 24 && figure('top5', percent(R.top5, 2), t('top5_note')),
    F.parameters > 0 && figure('parameters', compact(F.parameters), F.seconds > 0 ? t('evaluated', {t: duration(F.seconds)}) : ''),
    F.train_seconds > 0 && figure('train_time', duration(F.train_seconds), epochs || F.machine),
    figure('loss', fixed(R.loss), t('loss_note')),
    figure('balanced', percent(R.balanced_accuracy, 2), t('balanced_note')),
  ].filter(Boolean).slice(0, 6);
  const figures = el('dl', {class: 'figures'},
    figure('accuracy', percent(R.accuracy, 2), t('interval', {low: percent(R.interval[0]), high: percent(R.interval[1])}), 'hero'), six);
  const split = F.split && F.split !== 'all' ? t('in_split', {split: known(F.split)}) : '', wrong = R.errors;
  const said = wrong ? t('said', {n: whole(n), right: whole(n - wrong), wrong: whole(wrong), split}) : t('said_all', {n: whole(n), split});
  const top = mixups[0] && t('often', {a: name_of(mixups[0][0]), b: name_of(mixups[0][1]), n: mixups[0][2] === 1 ? t('once') : t('times', {n: whole(mixups[0][2])})});
  const off = mean - R.accuracy;
  const honest = t(off > .01 ? 'over' : off < -.01 ? 'under' : 'fits', {c: percent(mean), a: percent(R.accuracy)});
  const more = [[t('loss'), fixed(R.loss)], [t('balanced'), percent(R.balanced_accuracy, 2)], ['MCC', fixed(R.mcc)], ['Brier', fixed(R.brier)]];
  return section('summary', figures, el('p', {class: 'words'}, [said, top, honest].filter(Boolean).join(gap())),
    el('p', {class: 'note', style: 'margin-top:12px'}, t('other') + colon(), more.map(([key, value]) => `${key} ${value}`).join(' · ')));
}

function training_section() {
  if (!D.history.length) return section('training', el('p', {class: 'note'}, t('no_history')));
  const soft = 'var(--soft)', blue = 'var(--accent)';
  const first = v => short(v);
  const boxed = (key, chart, kind) => chart && el('figure', {class: kind}, el('h3', {}, t(key)), chart);
  const losses = D.history.flatMap(row => [row[1], row[2]]).filter(v => v != null);
  const loss = epoch_chart(t('loss'), [{name: t('train'), colour: soft, column: 1}, {name: t('validation'), colour: blue, column: 2, best: true}], first,
    {zero: losses.length > 0 && Math.min(...losses) >= 0 && Math.max(...losses) > 1.5 * Math.min(...losses), best: true});
  const accuracy = epoch_chart(t('accuracy'), [{name: t('train'), colour: soft, column: 3}, {name: t('validation'), colour: blue, column: 4, best: true}],
    (v, exact) => exact ? percent(v, 2) : v.toLocaleString(locale(), {style: 'percent', maximumFractionDigits: 2}), {top: 1, best: 'below'});
  const rate = D.history.length > 1 ? epoch_chart(t('rate'), [{name: t('rate'), colour: 'var(--c2)', column: 5}], first, {height: 130, zero: true}) : null;
  const columns = [['epoch', 0, whole], ['train_loss', 1, short], ['validation_loss', 2, short], ['train_accuracy', 3, v => percent(v, 2)], ['validation_accuracy', 4, v => percent(v, 2)],
    ['rate', 5, short], ['seconds', 6, v => fixed(v, 1)]].filter(([, c]) => D.history.some(row => row[c] != null));
  const table = el('table', {class: 'rows'}, el('thead', {}, el('tr', {}, columns.map(([key]) => el('th', {scope: 'col'}, t(key))))),
    el('tbody', {}, D.history.map(row => el('tr', {}, columns.map(([, c, format]) => el('td', {}, row[c] == null ? '–' : format(row[c]), c === 0 && row[0] === D.kept && D.history.length > 1 ? ' ●' : null))))));
  return section('training', lead(t(D.kept && D.history.length > 1 ? 'training_lead' : 'training_lead0')),
    D.remarks.length ? el('div', {class: 'remarks'}, el('h3', {}, t('remarks')), el('ul', {}, D.remarks.map(r => el('li', {}, state.language === 'zh' ? r.zh : r.en)))) : null,
    timed ? el('div', {class: 'along'}, switch_of(t('along'), [['epochs', t('by_epoch')], ['time', t('by_time')]], state.along, value => {
      state.along = value;
      for (const chart of epoch_charts) if (chart.drawn) chart.draw(chart.drawn);
    })) : null,
    el('div', {class: 'charts'}, boxed('loss', loss), boxed('accuracy', accuracy), boxed('rate', rate, 'wide')),
    el('details', {open: D.history.length === 1}, el('summary', {}, t('table')), el('div', {class: 'scroll tall'}, table)));
}

function faces(list, size) {
  if (list.some(e => e.text != null)) return el('ul', {class: 'quotes'}, list.map(e => el('li', {}, e.text, el('small', {}, `#${e.id} · ${probability(e.p)}`))));
  const pictured = list.filter(has_picture), shown = pictured.length ? pictured : list;
  return el('div', {class: 'faces'}, shown.map(e => el('figure', {}, has_picture(e) ? tile(e, size) : `#${e.id}`, el('figcaption', {}, probability(e.p)))));
}

let show_cell = () => {};
function pick_cell(truth, guess) {
  state.cell = [truth, guess];
  show_cell();
  const panel = document.querySelector('.cell');
  if (panel.getBoundingClientRect().top > innerHeight - 120) panel.scrollIntoView({block: 'center'});
}
function cell_panel() {
  const cell = el('div', {class: 'cell', 'aria-live': 'polite'}), list = el('div', {});
  const draw = () => {
    cell.replaceChildren();
    for (const button of document.querySelectorAll('[data-cell]'))
      button.setAttribute('aria-pressed', state.cell != null && button.dataset.cell === state.cell.join());
    if (!state.cell) return;
    const [a, b] = state.cell, n = cell_count(a, b), m = classes[a].support, here = examples.filter(e => e.truth === a && e.guess === b);
    const fill = {n: whole(n), m: whole(m), a: name_of(a), b: name_of(b), p: percent(m ? n / m : 0)};
    const listed = here.length && here.some(has_picture) && here[0].text == null ? here.filter(has_picture).length : here.length;
    cell.append(el('h3', {}, el('span', {class: a === b ? 'right' : ''}, name_of(a)), a !== b && [el('span', {class: 'to', 'aria-hidden': 'true'}, '→'), el('span', {class: 'wrong'}, name_of(b))]),
      el('p', {}, n === 0 ? t('cell_none', fill) : t(a === b ? 'cell_right' : 'cell_wrong', fill), n > 0 && listed > 0 ? gap() + (listed < n ? t(a === b ? 'shown_right' : 'shown_wrong', {n: listed}) : t('shown_all')) : ''));
    if (listed) cell.append(faces(here, 56));
  };
  show_cell = draw;
  if (mixups.length) {
    const most = mixups[0][2];
    list.append(el('div', {class: 'mixups'}, el('h3', {}, t('mixups')), el('ul', {}, mixups.slice(0, classes.length > 24 ? 14 : 8).map(([a, b, n]) =>
      el('li', {}, el('button', {type: 'button', 'data-cell': `${a},${b}`, 'aria-label': t('cell_label', {a: name_of(a), b: name_of(b), n: whole(n)}), onclick: () => pick_cell(a, b)},
        el('span', {}, `${name_of(a)} → ${name_of(b)}`), el('span', {class: 'bar', style: `width:${(n / most * 100).toFixed(1)}%`}), el('span', {class: 'count'}, whole(n))))))));
  } else {
    list.append(el('p', {class: 'note'}, t('no_mixups')));
  }
  return el('div', {class: 'panel'}, cell, list);
}

function label_room() {
  const longest = Math.max(...classes.map(c => [...c.name].reduce((w, ch) => w + (ch > '\u2e80' ? 2 : 1), 0)));
  return Math.round(Math.min(classes.length > 4 ? 150 : 190, 14 + longest * 7.2));
}
function matrix_table() {
  const k = classes.length, long = k > 4 && classes.some(c => c.name.length > (k > 12 ? 2 : 5));
  const label_width = label_room(), grid = [];
  const move = (event, row, column) => {
    const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
    if (!step) return;
    event.preventDefault();
    for (let r = row + step[0], c = column + step[1]; r >= 0 && r < k && c >= 0 && c < k; r += step[0], c += step[1])
      if (grid[r][c]) return grid[r][c].focus();
  };
  const rows = classes.map((truth, r) => {
    grid.push([]);
    return el('tr', {}, el('th', {scope: 'row', title: truth.name}, truth.name), classes.map((guess, c) => {
      const n = cell_count(r, c), fill = n ? strength(n, truth.support, r === c) : 0;
      const button = n ? el('button', {type: 'button', class: fill > .75 ? 'full' : '', 'data-cell': `${r},${c}`, 'aria-label': t('cell_label', {a: truth.name, b: guess.name, n: whole(n)}),
        style: `background:rgb(var(--${r === c ? 'good' : 'bad'}) / ${fill.toFixed(3)})`, onclick: () => pick_cell(r, c), onkeydown: e => move(e, r, c)}, n < 10000 ? String(n) : n.toLocaleString('en', {notation: 'compact'})) : null;
      grid[r].push(button);
      return el('td', {class: n ? 'filled' : ''}, button);
    }));
  });
  const table = el('table', {class: long ? 'matrix long' : k > 4 ? 'matrix' : 'matrix short', style: `min-width:${label_width + k * 26}px;max-width:${label_width + k * 116}px`},
    el('colgroup', {}, el('col', {style: `width:${label_width}px`}), classes.map(() => el('col', {}))),
    el('thead', {}, el('tr', {}, el('th', {}), classes.map(c => el('th', {scope: 'col', title: c.name}, el('span', {}, c.name))))), el('tbody', {}, rows));
  return el('div', {style: `max-width:${Math.max(260, Math.round(label_width + k * 116))}px`}, el('p', {class: 'axis-y'}, el('span', {}, t('truth'), ' ↓'), el('span', {}, t('predicted'), ' →')), el('div', {class: 'scroll', style: 'padding:2px'}, table));
}

/* Many classes: a map with a cursor. Only the fullest cells are drawn, far more than an eye can tell apart. */
function matrix_map() {
  const k = classes.length;
  const box = canvas('heat', (self, width) => {
    const side = width / k, drawing = sv('svg', {viewBox: `0 0 ${width} ${width}`, role: 'application', tabindex: 0, 'aria-label': t('confusion')});
    drawing.append(sv('rect', {class: 'ground', width, height: width, rx: 4}));
    const grow = Math.max(side, 2.5);
    for (const [a, b, n] of [...R.cells].sort((p, q) => q[2] - p[2]).slice(0, 6000))
      drawing.append(sv('rect', {x: b * side, y: a * side, width: grow, height: grow, style: `fill:rgb(var(--${a === b ? 'good' : 'bad'}) / ${Math.max(.5, strength(n, classes[a].support, a === b)).toFixed(2)})`}));
    const pick = sv('rect', {class: 'pick', width: grow + 3, height: grow + 3});
    drawing.append(pick);
    self.mark = () => {
      pick.setAttribute('visibility', state.cell ? 'visible' : 'hidden');
      if (state.cell) { pick.setAttribute('x', state.cell[1] * side - 1.5); pick.setAttribute('y', state.cell[0] * side - 1.5); }
    };
    const at = event => {
      const r = drawing.getBoundingClientRect(), place = v => Math.max(0, Math.min(k - 1, Math.floor(v / r.width * k)));
      const row = place(event.clientY - r.top), column = place(event.clientX - r.left);
      let best = [row, column], least = 1e9;
      const reach = Math.ceil(7 / side);
      for (let a = Math.max(0, row - reach); a <= Math.min(k - 1, row + reach); ++a) for (let b = Math.max(0, column - reach); b <= Math.min(k - 1, column + reach); ++b) {
        const off = (a - row) ** 2 + (b - column) ** 2;
        if (off < least && cell_count(a, b)) { least = off; best = [a, b]; }
      }
      return best;
    };
    const label = ([a, b]) => t('cell_label', {a: name_of(a), b: name_of(b), n: whole(cell_count(a, b))});
    dress(drawing, {onpointermove: e => show_tip(label(at(e)), e.clientX, e.clientY), onpointerleave: hide_tip, onblur: hide_tip,
      onclick: e => pick_cell(...at(e)), onkeydown: e => {
        const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[e.key];
        if (!step) return;
        e.preventDefault();
        const [a, b] = state.cell || [0, 0], clamp = v => Math.max(0, Math.min(k - 1, v));
        pick_cell(clamp(a + step[0]), clamp(b + step[1]));
        const r = drawing.getBoundingClientRect(), one = r.width / k;
        show_tip(label(state.cell), r.left + (state.cell[1] + 1) * one, r.top + state.cell[0] * one);
      }});
    self.replaceChildren(drawing);
    self.mark();
  });
  box.mark = () => {};
  return box;
}

function confusion_section() {
  const panel = cell_panel(), k = classes.length, big = k > 24;
  const room = big || (k > 4 && k <= 12) ? 560 : k <= 4 ? 440 : label_room() + k * 26 + 8;
  let left;
  if (big) {
    const box = matrix_map(), draw = show_cell;
    show_cell = () => { draw(); box.mark(); };
    left = el('div', {}, el('p', {class: 'axis-y'}, el('span', {}, t('truth'), ' ↓'), el('span', {}, t('predicted'), ' →')), box);
  } else {
    left = matrix_table();
  }
  return section('confusion', lead(t(big ? 'confusion_lead_big' : 'confusion_lead')), el('div', {class: room > 600 ? 'confusion stacked' : 'confusion', style: `--matrix:${room}px`}, left, panel));
}

function mistakes_section() {
  const wrong = examples.filter(e => e.truth !== e.guess).sort((a, b) => b.p - a.p || a.id - b.id).slice(0, 24);
  if (!wrong.length) return section('mistakes', el('p', {class: 'note'}, t('no_mistakes')));
  const answer = e => [el('div', {class: 'answer'}, el('span', {}, `${t('is')} `, el('b', {class: 'right'}, name_of(e.truth))), el('span', {}, `${t('said_short')} `, el('b', {class: 'wrong'}, name_of(e.guess)))),
    el('small', {}, el('span', {}, t('prob', {p: probability(e.p)})), el('span', {}, `#${e.id}`))];
  const with_text = wrong.some(e => e.text != null), pictured = wrong.some(has_picture);
  return section('mistakes', lead(t('mistakes_lead')), with_text ?
    el('ul', {class: 'quotes'}, wrong.slice(0, 12).map(e => el('li', {}, e.text, answer(e)))) :
    el('div', {class: 'gallery'}, wrong.filter(e => has_picture(e) || !pictured).map(e => el('figure', {}, has_picture(e) && tile(e, innerWidth < 680 ? 84 : 112), el('figcaption', {}, answer(e))))));
}

function classes_section() {
  const columns = [['name', c => c.name], ['precision', c => c.precision], ['recall', c => c.recall], ['f1', c => c.f1], ['support', c => c.support], ['class_auc', c => c.auc], ['ap', c => c.ap]];
  /* A strip from a round number below the lowest F1 up to 1, with a dot for each class. */
  const low = Math.min(.9, Math.floor(Math.min(...classes.map(c => c.f1)) * 10) / 10), strip_head = el('th', {class: 'strip', 'aria-hidden': 'true'}, el('span', {}, low.toFixed(1)), el('span', {}, '1'));
  const strip = f1 => el('td', {class: 'strip', 'aria-hidden': 'true'}, el('div', {}, el('i', {style: `left:${((f1 - low) / (1 - low) * 100).toFixed(1)}%`})));
  const body = el('tbody', {}), heads = columns.map(([key], i) => el('th', {scope: 'col', class: i > 4 ? 'aside' : null}, el('button', {type: 'button', onclick: () => {
    state.sort = state.sort.key === key ? {key, up: !state.sort.up} : {key, up: key === 'name' || key !== 'support'};
    fill();
  }}, t(key))));
  const fill = () => {
    const order = classes.map((c, i) => i), value = (columns.find(([key]) => key === state.sort.key) || [])[1];
    if (value) order.sort((i, j) => {
      const a = value(classes[i]), b = value(classes[j]);
      if (a == null || b == null) return (a == null) - (b == null) || i - j;
      const off = typeof a === 'string' ? a.localeCompare(b, locale(), {numeric: true}) : a - b;
      return (state.sort.up ? off : -off) || i - j;
    });
    columns.forEach(([key], i) => key === state.sort.key ? heads[i].setAttribute('aria-sort', state.sort.up ? 'ascending' : 'descending') : heads[i].removeAttribute('aria-sort'));
    body.replaceChildren(...order.map(i => {
      const c = classes[i];
      return el('tr', {}, el('td', {}, c.name), el('td', {}, fixed(c.precision)), el('td', {}, fixed(c.recall)),
        el('td', {}, fixed(c.f1)), strip(c.f1), el('td', {}, whole(c.support)), el('td', {class: 'aside'}, fixed(c.auc)), el('td', {class: 'aside'}, fixed(c.ap)));
    }));
  };
  fill();
  const foot = (key, s) => el('tr', {}, el('td', {}, t(key)), el('td', {}, fixed(s.precision)), el('td', {}, fixed(s.recall)), el('td', {}, fixed(s.f1)), el('td', {class: 'strip'}),
    el('td', {}, whole(R.examples)), el('td', {class: 'aside'}, key === 'macro' ? fixed(R.auc) : ''), el('td', {class: 'aside'}));
  return section('classes', lead(t('classes_lead')), el('div', {class: 'scroll tall', tabindex: classes.length > 15 ? 0 : null, role: 'region', 'aria-label': t('classes')},
    el('table', {class: 'rows'}, el('thead', {}, el('tr', {}, heads.slice(0, 4), strip_head, heads.slice(4))), body, el('tfoot', {}, foot('macro', R.macro), foot('weighted', R.weighted)))));
}

function curves_section() {
  const order = classes.map((c, i) => i).filter(i => D.curves[i]).sort((i, j) => classes[i].auc - classes[j].auc || i - j);
  if (!order.length) return null;
  if (state.corner == null) state.corner = classes[order[0]].auc > .985;
  if (state.curve == null && classes.length > 8) state.curve = order[0];
  const charts = [curve_chart('roc', t('fpr'), t('tpr')), curve_chart('pr', t('recall'), t('precision'))];
  const chips = el('div', {class: 'legend'}, (classes.length > 8 ? order : classes.map((c, i) => i).filter(i => D.curves[i])).map(i => el('button', {type: 'button', 'data-curve': i,
    onclick: () => pick_curve(state.curve === i && classes.length <= 8 ? null : i), onpointerenter: e => { if (e.pointerType === 'mouse') pick_curve(i); }, onfocus: e => { if (e.target.matches(':focus-visible')) pick_curve(i); }},
    classes.length <= 8 && el('i', {style: `background:${curve_colour(i)}`}), name_of(i), el('span', {}, fixed(classes[i].auc)))));
  const mark = {pick: c => { for (const chip of chips.children) chip.setAttribute('aria-pressed', Number(chip.dataset.curve) === c); }};
  curve_boxes.add(mark);
  mark.pick(state.curve);
  const view = switch_of(t('view'), [[false, t('whole')], [true, t('corner')]], state.corner, corner => {
    state.corner = corner;
    for (const box of charts) box.draw(box.drawn);
  });
  return section('curves', el('div', {class: 'head'}, el('p', {class: 'lead'}, t('curves_lead')), view),
    el('div', {class: 'charts'}, el('figure', {}, el('h3', {}, t('roc')), charts[0]), el('figure', {}, el('h3', {}, t('pr')), charts[1])), chips);
}

function calibration_section() {
  const used = R.bins.filter(b => b[2]);
  const table = el('table', {class: 'rows'}, el('thead', {}, el('tr', {}, ['bin_range', 'bin_n', 'confidence', 'right_share'].map((key, i) => el('th', {scope: 'col'}, i === 0 ? '' : t(key))))),
    el('tbody', {}, used.map(([low, high, n, c, a]) => el('tr', {}, el('td', {style: 'white-space:nowrap'}, `${percent(low, 0)} – ${percent(high, 0)}`), el('td', {}, whole(n)), el('td', {}, percent(c)), el('td', {}, percent(a))))));
  return section('calibration', lead(t('calibration_lead')), el('div', {class: 'calibration'}, reliability_chart(), el('div', {class: 'scroll'}, table)));
}

/* What a layer gives, as a small block: height and width of pictures, number of channels or units as depth. */
function layer_block(output) {
  const sizes = (output.match(/\d+/g) || []).map(Number).filter(n => n > 0);
  const log = (n, most, low, high) => low + (high - low) * Math.min(1, Math.log2(n + 1) / Math.log2(most));
  let w, h, d;
  if (sizes.length >= 3) { h = log(sizes[0], 512, 6, 30); w = log(sizes[sizes.length - 1], 1024, 3, 30); d = log(sizes[1], 512, 2, 11); }
  else if (sizes.length === 2) { h = log(sizes[0], 1024, 6, 34); w = log(sizes[1], 1024, 4, 30); d = 0; }
  else { h = log(sizes[0] || 1, 4096, 4, 38); w = 6; d = 0; }
  const x = (56 - w - d) / 2, y = (42 - h - d) / 2 + d;
  return sv('svg', {viewBox: '0 0 56 42', width: 56, height: 42, 'aria-hidden': 'true'},
    d > 0 && [sv('path', {class: 'block side', d: `M${x} ${y}l${d} ${-d}h${w}l${-d} ${d}z`}), sv('path', {class: 'block side', d: `M${x + w} ${y}l${d} ${-d}v${h}l${-d} ${d}z`})],
    sv('rect', {class: 'block', x, y, width: w, height: h}));
}
function network_section() {
  if (!D.network.length) return null;
  const total = D.network.reduce((sum, row) => sum + row[3], 0), most = Math.max(1, ...D.network.map(row => row[3]));
  return section('network', lead(t('network_lead', {layers: whole(D.network.length), n: whole(F.parameters || total)})), el('ol', {class: 'layers'}, D.network.map(([name, kind, output, n]) =>
    el('li', {}, el('div', {class: 'block-cell'}, layer_block(output)), el('div', {}, el('div', {class: 'kind'}, kind), el('small', {}, name)), el('div', {}, output),
      el('div', {class: 'parameters'}, n ? [el('span', {title: t('params', {n: whole(n)})}, whole(n)), el('span', {class: 'meter', 'aria-hidden': 'true'}, el('i', {style: `width:${(n / most * 100).toFixed(1)}%`}))] : el('small', {}, t('no_params')))))));
}

function recipe_section() {
  if (!D.recipe) return null;
  const lines = D.recipe.replace(/\s+$/, '').split('\n').flatMap((line, i, all) => {
    const parts = line.match(/^(\s*(?:- )?)([\w.\-]+)(:)(.*)$/), rest = parts ? parts[4] : line, remark = rest.match(/(^|\s)#.*$/);
    const tail = remark ? [rest.slice(0, remark.index), el('span', {class: 'remark'}, rest.slice(remark.index))] : [rest];
    return [...(parts ? [parts[1], el('span', {class: 'key'}, parts[2]), parts[3]] : []), ...tail, i + 1 < all.length ? '\n' : ''];
  });
  return section('recipe', lead(t('recipe_lead')), el('div', {class: 'recipe'}, el('pre', {tabindex: 0}, el('code', {}, lines)), copy_button(D.recipe)));
}

function next_section() {
  return section('next', lead(t('next_lead')), el('ul', {class: 'steps'}, D.next.map(([command, purpose, purpose_zh]) =>
    el('li', {}, el('span', {class: 'purpose'}, state.language === 'zh' && purpose_zh ? purpose_zh : purpose), el('code', {}, command), copy_button(command)))));
}
)js";

/// What the frame asks of a page: its line below the title, its sections, what to drop before and do after drawing.
inline constexpr std::string_view page_report_parts = R"js(
const about = () => [known(F.task), [F.data, known(F.split)].filter(Boolean).join(' / '), t('of_classes', {n: whole(classes.length)}), F.date, t('seed', {n: F.seed})].filter(Boolean);
const makers = [summary_section, training_section, confusion_section, mistakes_section, classes_section, curves_section, calibration_section,
    decision_section, people_section, network_section, recipe_section, next_section];
const forget = () => { epoch_charts.clear(); curve_boxes.clear(); };
const shown = () => show_cell();
)js";

inline constexpr std::string_view page_frame = R"js(
function switch_of(label, options, now, choose) {
  const buttons = options.map(([value, text, language]) => el('button', {type: 'button', lang: language, 'aria-pressed': String(value === now), onclick: () => {
    for (const [i, button] of buttons.entries()) button.setAttribute('aria-pressed', String(options[i][0] === value));
    choose(value);
  }}, text));
  return el('div', {class: 'switch', role: 'group', 'aria-label': label}, buttons);
}

const dark_system = matchMedia('(prefers-color-scheme: dark)');
function paint() {
  const dark = state.theme === 'dark' || (state.theme === 'auto' && dark_system.matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
}
dark_system.addEventListener('change', paint);

function render() {
  document.documentElement.lang = state.language === 'zh' ? 'zh-CN' : 'en';
  watcher.disconnect();
  forget();
  hide_tip();
  document.querySelector('.skip').textContent = t('skip');
  document.getElementById('top').replaceChildren(
    el('div', {}, el('h1', {}, D.facts.name || 'Tandem'), el('p', {class: 'about'}, about().map(text => el('span', {}, text)))),
    el('div', {class: 'switches'},
      switch_of(t('language'), [['en', 'English', 'en'], ['zh', '中文', 'zh-CN']], state.language, value => {
        state.language = value;
        store.set('language', value);
        const at = scrollY;
        render();
        scrollTo({top: at, behavior: 'instant'});
        document.querySelector('.switches button[aria-pressed=true]').focus({preventScroll: true});
      }),
      switch_of(t('theme'), [['auto', t('auto')], ['light', t('light')], ['dark', t('dark')]], state.theme, value => {
        state.theme = value;
        store.set('theme', value);
        paint();
      })));
  const sections = makers.map(make => make()).filter(Boolean);
  document.getElementById('main').replaceChildren(...sections);
  document.getElementById('toc').setAttribute('aria-label', t('contents'));
  document.getElementById('toc').replaceChildren(el('ol', {}, sections.map(s => el('li', {}, el('a', {href: '#' + s.id}, t(s.id))))));
  document.getElementById('foot').replaceChildren(el('p', {}, [t('made', {v: D.facts.version}), D.facts.machine].filter(Boolean).join(' · ')), D.facts.command ? el('p', {}, t('command') + colon(), el('code', {}, D.facts.command)) : '');
  shown();
  follow();
}

/* Marks the section in view in the contents. */
function follow() {
  const sections = [...document.querySelectorAll('main > section')], line = innerHeight * .3;
  let here = sections[0];
  for (const s of sections) if (s.getBoundingClientRect().top <= line) here = s;
  if (innerHeight + scrollY >= document.documentElement.scrollHeight - 4) here = sections[sections.length - 1];
  for (const link of document.querySelectorAll('.toc a')) {
    const on = link.hash === '#' + here.id;
    if (on && !link.classList.contains('here')) {
      const list = link.closest('ol');
      if (list.scrollWidth > list.clientWidth) list.scrollTo({left: link.offsetLeft - 60});
    }
    link.classList.toggle('here', on);
    on ? link.setAttribute('aria-current', 'true') : link.removeAttribute('aria-current');
  }
}
addEventListener('scroll', () => { follow(); }, {passive: true});
addEventListener('keydown', event => { if (event.key === 'Escape') hide_tip(); });
paint();
render();
if (location.hash) { const at = document.getElementById(location.hash.slice(1)); if (at) at.scrollIntoView(); }
)js";

inline constexpr std::array<std::string_view, 10> page_script = {
    page_words,    page_tools,    page_charts, page_report,       page_common,
    page_sections, page_decision, page_people, page_report_parts, page_frame};

}  // namespace tandem::evaluate
