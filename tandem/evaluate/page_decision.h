// The section of report.html about a two-class decision: figures with their intervals, the decision at its threshold,
// its net benefit, and groups of people beside each other. Drawn only where two classes were measured.
#pragma once
#include <string_view>

namespace tandem::evaluate {

inline constexpr std::string_view page_decision = R"js(
Object.assign(words.en, {
  decision: 'The decision', decision_lead: 'Finding “{p}”: {m} of {n} examples are. Brackets hold 95% intervals.',
  repeated: 'Each of {n} examples was measured several times; intervals count it once.',
  at_half: 'At a probability of 0.5', at_chosen: 'At {t}, chosen on validation examples for a {g}',
  sensitivity: 'Sensitivity', specificity: 'Specificity', ppv: 'PPV', npv: 'NPV', brier_score: 'Brier score', calibration_error: 'Calibration error', area: 'AUC', right_share: 'Accuracy',
  benefit: 'Net benefit', benefit_axis: 'Threshold: the risk at which one would act', benefit_model: 'by the network', benefit_all: 'act on everyone', benefit_none: 'act on no one',
  benefit_tip: 'threshold {x}\nby the network {m}\non everyone {a}',
  by_group: 'By {c}', group_examples: 'Examples', group_positive: 'Of “{p}”', gap_line: '{r}: {g} points apart ({l} to {h}), {a} above {b}', rates: {sensitivity: 'Sensitivity', specificity: 'Specificity', ppv: 'PPV', called: 'Called positive', accuracy: 'Accuracy'},
  own_title: 'If each group had its own threshold', own_lead: 'Each chosen on the group\u2019s own validation examples, for a {g}. Groups with too few of them keep the common one. The network answers by the common one: whether rules that differ by group are right is for people to decide.', own_at: 'Threshold', own_common: '{t} (common)',
});
Object.assign(words.zh, {
  decision: '决策', decision_lead: '识别“{p}”：{n} 个样本中有 {m} 个。括号内为 95% 置信区间。',
  repeated: '{n} 个样本各测量多次；计算区间时每个只算一次。',
  at_half: '以概率 0.5 为界', at_chosen: '以 {t} 为界，在验证样本上选定，目标：{g}',
  sensitivity: '灵敏度', specificity: '特异度', ppv: '阳性预测值', npv: '阴性预测值', brier_score: 'Brier 分数', calibration_error: '校准误差', area: 'AUC', right_share: '准确率',
  benefit: '净获益', benefit_axis: '阈值：达到多大风险才采取行动', benefit_model: '按网络', benefit_all: '对所有人行动', benefit_none: '对任何人都不行动',
  benefit_tip: '阈值 {x}\n按网络 {m}\n对所有人 {a}',
  by_group: '按 {c}', group_examples: '样本数', group_positive: '其中“{p}”', gap_line: '{r}：相差 {g} 个百分点（{l} 至 {h}），{a} 高于 {b}', rates: {sensitivity: '灵敏度', specificity: '特异度', ppv: '阳性预测值', called: '判为阳性', accuracy: '准确率'},
  own_title: '如果每个群体各用自己的阈值', own_lead: '各在本群体的验证样本上选定，目标：{g}。样本太少的群体沿用共同阈值。网络作答时用的是共同阈值：不同群体用不同规则是否恰当，应由人来决定。', own_at: '阈值', own_common: '{t}（共同）',
});

function benefit_chart() {
  const curve = D.decision.curve;
  return canvas('', (self, width) => {
    const height = Math.max(230, Math.min(340, width * .6)), top = Math.max(...curve.map(p => p[1]), .01), low = -top / 4;
    const {drawing, sx, sy, frame} = axes(width, height, {low: 0, high: 1, ticks: ticks(0, 1, 5), format: v => percent(v, 0), label: t('benefit_axis')},
      {low, high: top * 1.08, ticks: ticks(low, top * 1.08, 4), format: v => fixed(v, 2)}, t('benefit'));
    drawing.append(sv('line', {class: 'dashed', x1: frame.left, x2: frame.right, y1: sy(0), y2: sy(0)}),
      sv('text', {class: 'halo', x: frame.right - 4, y: sy(0) + 16, 'text-anchor': 'end'}, t('benefit_none')));
    for (const [column, colour] of [[2, 'var(--c2)'], [1, 'var(--accent)']])
      drawing.append(sv('path', {class: 'series', style: `stroke:${colour}`, d: path(curve.filter(p => p[column] >= low).map(p => [sx(p[0]), sy(p[column])]))}));
    const near = curve.find(p => p[2] < top * .45) || curve[0], middle = curve[Math.floor(curve.length * .62)];
    drawing.append(sv('text', {class: 'strong halo', x: sx(near[0]) - 8, y: sy(near[2]), 'text-anchor': 'end', style: 'fill:var(--c2)'}, t('benefit_all')),
      sv('text', {class: 'strong halo', x: sx(middle[0]), y: sy(middle[1]) - 10, 'text-anchor': 'middle', style: 'fill:var(--accent)'}, t('benefit_model')));
    drawing.addEventListener('pointermove', event => {
      const at = drawing.getBoundingClientRect(), x = ((event.clientX - at.left) * width / at.width - frame.left) / (frame.right - frame.left);
      const p = curve.reduce((a, b) => Math.abs(b[0] - x) < Math.abs(a[0] - x) ? b : a);
      show_tip(t('benefit_tip', {x: percent(p[0], 0), m: fixed(p[1], 3), a: fixed(p[2], 3)}), event.clientX, event.clientY);
    });
    drawing.addEventListener('pointerleave', hide_tip);
    self.replaceChildren(drawing);
  });
}

function decision_section() {
  const P = D.decision;
  if (!P) return null;
  const within = ([value, low, high]) => value == null ? '–' : `${percent(value)} (${percent(low)} – ${percent(high)})`;
  const plain = ([value, low, high]) => value == null ? '–' : `${fixed(value, 3)} (${fixed(low, 3)} – ${fixed(high, 3)})`;
  const above_range = ([value, low, high], format) => value == null ? '–' : [format(value), el('small', {class: 'range'}, `${format(low)} – ${format(high)}`)];
  const share = figure => above_range(figure, v => percent(v)), number = figure => above_range(figure, v => fixed(v, 3));
  const rows = pairs => el('table', {class: 'rows'}, el('tbody', {}, pairs.map(([key, value]) => el('tr', {}, el('td', {}, t(key)), el('td', {}, value)))));
  const at = d => rows(['sensitivity', 'specificity', 'ppv', 'npv'].map(key => [key, within(d[key])]));
  const gap_lines = gaps => gaps.map(([rate, gap_of, low, high, above, below]) => el('p', {class: 'note'}, t('gap_line', {r: words[state.language].rates[rate], g: fixed(100 * gap_of, 1), l: fixed(100 * low, 1), h: fixed(100 * high, 1), a: above, b: below})));
  const own_thresholds = g => g.groups.every(e => !e.own) ? null : [el('h4', {style: 'margin-top:20px'}, t('own_title')), el('p', {class: 'note'}, t('own_lead', {g: P.goal})),
    el('div', {class: 'scroll'}, el('table', {class: 'rows'},
      el('thead', {}, el('tr', {}, ['', t('own_at'), t('sensitivity'), t('specificity'), t('ppv')].map(text => el('th', {scope: 'col'}, text)))),
      el('tbody', {}, g.groups.map(e => ({name: e.name, at: e.own ? fixed(e.own_threshold, 3) : t('own_common', {t: fixed(P.threshold, 3)}), d: e.own || e}))
        .map(({name, at, d}) => el('tr', {}, el('td', {}, name), el('td', {}, at), el('td', {}, share(d.sensitivity)), el('td', {}, share(d.specificity)), el('td', {}, share(d.ppv))))))),
    gap_lines(g.own_gaps)];
  const groups = P.groups.map(g => el('div', {style: 'margin-top:28px'}, el('h3', {}, t('by_group', {c: g.column})),
    el('div', {class: 'scroll'}, el('table', {class: 'rows'},
      el('thead', {}, el('tr', {}, ['', t('group_examples'), t('group_positive', {p: P.positive}), t('sensitivity'), t('specificity'), t('ppv'), t('area')].map(text => el('th', {scope: 'col'}, text)))),
      el('tbody', {}, g.groups.map(e => el('tr', {}, el('td', {}, e.name), el('td', {}, whole(e.examples)), el('td', {}, whole(e.positives)),
        el('td', {}, share(e.sensitivity)), el('td', {}, share(e.specificity)), el('td', {}, share(e.ppv)), el('td', {}, number(e.auc))))))),
    gap_lines(g.gaps), own_thresholds(g)));
  return section('decision', lead([t('decision_lead', {p: P.positive, m: whole(P.positives), n: whole(P.examples)}), P.units < P.examples ? t('repeated', {n: whole(P.units)}) : ''].filter(Boolean).join(gap())),
    el('div', {class: 'charts'}, el('figure', {}, el('h3', {}, t('benefit')), benefit_chart()),
      el('figure', {}, rows([['area', plain(P.auc)], ['right_share', within(P.accuracy)], ['brier_score', plain(P.brier)], ['calibration_error', plain(P.ece)]]),
        el('h3', {style: 'margin-top:20px'}, t('at_half')), at(P.half),
        P.chosen ? [el('h3', {style: 'margin-top:20px'}, t('at_chosen', {t: fixed(P.threshold, 3), g: P.goal})), at(P.chosen)] : null)),
    groups);
}
)js";

}  // namespace tandem::evaluate
