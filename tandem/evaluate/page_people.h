// The section of report.html about the network and a person together: what it answers, what it hands over, and what
// sets of classes hold. Drawn only for a model with fitted confidence.
#pragma once
#include <string_view>

namespace tandem::evaluate {

inline constexpr std::string_view page_people = R"js(
Object.assign(words.en, {
  people: 'With a person', people_lead: 'The network answers what it is sure of and hands the rest to a person. Its rule was fitted to a goal on the validation part; these figures are of examples that it had not seen.',
  goal_right: 'Goal: at least {p} of its answers right.', goal_share: 'Goal: people take at most {p}.', not_reached: 'The validation part is too small to promise this: everything is handed over.',
  answered: 'It answers', answered_note: '{n} of {m} examples', answered_right: 'Right among those', answered_errors: '{n} errors; 95% interval {low} to {high}',
  handed: 'It hands over', handed_note: '{u} unsure, {f} unlike its training data', caught: 'Errors this prevents', caught_note: 'of {n} it would have made alone',
  share_chart: 'Accuracy against share answered', share_axis: 'Share of all examples that the network answers', share_tip: 'answers {s}\n{a} of them right\nboth together {b}',
  answers_line: 'its answers', both_line: 'both together', rule: 'its rule', person_errs: 'A person errs in', alone: 'Network alone', person_alone: 'Person alone', together: 'Both together',
  sets_head: 'Sets with a promise', sets_lead: 'Classes that together hold the true one as often as promised (conformal prediction). An empty set means that no class is credible.',
  promised: 'Promised', held: 'Held', set_size: 'Classes on average', set_single: 'One class', set_empty: 'Empty',
  temperature: 'Probabilities were calibrated with temperature {t}; the calibration error was {e} before.',
});
Object.assign(words.zh, {
  people: '与人协作', people_lead: '网络只回答它有把握的样本，其余交给人。交接规则按目标在验证集上拟合；下面的数字来自它没有见过的样本。',
  goal_right: '目标：它的回答至少 {p} 正确。', goal_share: '目标：由人处理的不超过 {p}。', not_reached: '验证集太小，无法作出这一保证：全部交给人。',
  answered: '由它回答', answered_note: '{m} 个样本中的 {n} 个', answered_right: '其中正确', answered_errors: '{n} 个错误；95% 置信区间 {low} 至 {high}',
  handed: '交给人', handed_note: '{u} 个没有把握，{f} 个与训练数据不像', caught: '由此避免的错误', caught_note: '它单独回答会犯 {n} 个错误',
  share_chart: '准确率与回答比例', share_axis: '由网络回答的样本比例', share_tip: '回答 {s}\n其中 {a} 正确\n人机合计 {b}',
  answers_line: '它的回答', both_line: '人机合计', rule: '当前规则', person_errs: '人的错误率', alone: '仅网络', person_alone: '仅人', together: '人机合计',
  sets_head: '有保证的类别集合', sets_lead: '集合以所承诺的频率包含真实类别（保形预测）。空集表示没有任何类别可信。',
  promised: '承诺', held: '实际', set_size: '平均类别数', set_single: '单一类别', set_empty: '空集',
  temperature: '概率已用温度 {t} 校准；校准前的校准误差为 {e}。',
});

/* Accuracy of the answers, and of both together, over the share answered. */
function share_chart(person) {
  const P = D.people, both = ([s, a]) => s * a + (1 - s) * (1 - person());
  const box = canvas('', (self, width) => {
    const height = Math.max(230, Math.min(340, width * .6));
    const all = P.curve.flatMap(point => [point[1], both(point)]);
    let low = Math.min(...all);
    const step = round_step(low, 1 + 1e-9, 4);
    low = Math.max(0, Math.floor(low / step) * step);
    if (low >= 1) low = 1 - step;
    const digits = Math.min(2, Math.max(0, Math.ceil(-Math.log10(step * 100))));
    const first = P.curve[0][0] > .5 ? .5 : 0;
    const {drawing, sx, sy, frame} = axes(width, height, {low: first, high: 1, ticks: ticks(first, 1, 5), format: v => percent(v, 0), label: t('share_axis')},
      {low, high: 1, ticks: multiples(step, low, 1), format: v => percent(v, digits)}, t('share_chart'));
    const x = sx(P.share);
    drawing.append(sv('line', {class: 'dashed', x1: x, x2: x, y1: frame.top, y2: frame.bottom}),
      sv('text', {class: 'halo', x: x - 6, y: frame.bottom - 9, 'text-anchor': 'end'}, t('rule')));
    const lines = [[t('both_line'), 'var(--c2)', both], [t('answers_line'), 'var(--accent)', ([, a]) => a]];
    for (const [name, colour, value] of lines)
      drawing.append(sv('path', {class: 'series', style: `stroke:${colour}`, d: path(P.curve.filter(point => point[0] >= first).map(point => [sx(point[0]), sy(value(point))]))}));
    lines.forEach(([name, colour, value], i) => {  // each name under its line, at another place
      const point = P.curve.find(([share]) => share >= first + (1 - first) * (i ? .12 : .55)) || P.curve[0];
      drawing.append(sv('text', {class: 'strong halo', x: sx(point[0]), y: Math.min(sy(value(point)) + 20, frame.bottom - 9), style: `fill:${colour}`}, name));
    });
    drawing.addEventListener('pointermove', event => {
      const at = drawing.getBoundingClientRect(), share = first + ((event.clientX - at.left) * width / at.width - frame.left) / (frame.right - frame.left) * (1 - first);
      const near = P.curve.reduce((a, b) => Math.abs(b[0] - share) < Math.abs(a[0] - share) ? b : a);
      show_tip(t('share_tip', {s: percent(near[0]), a: percent(near[1], 3), b: percent(both(near), 3)}), event.clientX, event.clientY);
    });
    drawing.addEventListener('pointerleave', hide_tip);
    self.replaceChildren(drawing);
  });
  return box;
}

function people_section() {
  const P = D.people;
  if (!P) return null;
  const figure = (key, value, note) => el('div', {}, el('dt', {}, t(key)), el('dd', {}, value, el('small', {}, note)));
  const goal = t(P.right > 0 ? 'goal_right' : 'goal_share', {p: percent(P.right > 0 ? P.right : P.share_goal, P.right > .99 ? 2 : 1)});
  const figures = el('dl', {class: 'figures even'},
    figure('answered', percent(P.share, 2), t('answered_note', {n: whole(P.answered), m: whole(P.examples)})),
    figure('answered_right', percent(P.accuracy, 3), t('answered_errors', {n: whole(P.errors), low: percent(P.interval[0], 2), high: percent(P.interval[1], 2)})),
    figure('handed', whole(P.examples - P.answered), t('handed_note', {u: whole(P.unsure), f: whole(P.unfamiliar)})),
    figure('caught', whole(P.caught), t('caught_note', {n: whole(P.caught + P.errors)})));
  let errs = P.person_error;
  const chart = share_chart(() => errs), cells = {}, value = el('output', {});
  const bars = el('table', {class: 'rows pair'}, el('tbody', {}, ['alone', 'person_alone', 'together'].map(key => el('tr', {}, el('td', {}, t(key)), cells[key] = el('td', {})))));
  const fill = () => {
    value.textContent = percent(errs);
    cells.alone.textContent = percent(P.network, 2);
    cells.person_alone.textContent = percent(1 - errs, 2);
    cells.together.textContent = percent(P.share * P.accuracy + (1 - P.share) * (1 - errs), 2);
    if (chart.drawn) chart.draw(chart.drawn);
  };
  const slider = el('input', {type: 'range', min: 0, max: 20, step: .1, value: errs * 100, 'aria-label': t('person_errs'), oninput: event => { errs = event.target.value / 100; fill(); }});
  fill();
  const columns = ['promised', 'held', 'set_size', 'set_single', 'set_empty'];
  const sets = el('table', {class: 'rows'}, el('thead', {}, el('tr', {}, columns.map(key => el('th', {scope: 'col'}, t(key))))),
    el('tbody', {}, P.sets.map(([promised, covered, size, single, empty]) => el('tr', {}, el('td', {}, percent(promised, 0)), el('td', {}, percent(covered, 2)), el('td', {}, fixed(size, 3)), el('td', {}, whole(single)), el('td', {}, whole(empty))))));
  return section('people', lead([t('people_lead'), goal, P.reached ? '' : t('not_reached')].filter(Boolean).join(gap())), figures,
    el('div', {class: 'charts', style: 'margin-top:32px'}, el('figure', {}, el('h3', {}, t('share_chart')), chart),
      el('figure', {}, el('label', {class: 'errs'}, el('span', {}, t('person_errs')), slider, value), bars,
        el('h3', {style: 'margin-top:24px'}, t('sets_head')), el('p', {class: 'note', style: 'margin-bottom:8px'}, t('sets_lead')), el('div', {class: 'scroll'}, sets))),
    el('p', {class: 'note', style: 'margin-top:18px'}, t('temperature', {t: fixed(P.temperature, 3), e: percent(P.ece_before, 2)})));
}
)js";

inline constexpr std::string_view page_people_style = R"css(
.figures.even { grid-template-columns: repeat(4, minmax(0, 1fr)); }
.errs { display: flex; gap: 12px; align-items: center; font-size: 14px; margin-bottom: 10px; } .errs input { flex: 1; min-width: 80px; accent-color: var(--accent); }
.errs output { min-width: 4em; text-align: right; font-weight: 600; }
.pair tr:last-child td { font-weight: 620; }
@media (max-width: 900px) { .figures.even { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
)css";

}  // namespace tandem::evaluate
