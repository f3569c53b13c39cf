// The sections of a translation's report page. Words, tools, curves and the frame are those of report.html.
#pragma once
#include <tandem/evaluate/page_script.h>
#include <tandem/evaluate/page_template.h>

#include <array>
#include <string>
#include <string_view>

namespace tandem::evaluate {

inline constexpr std::string_view translation_sections = R"js(
Object.assign(words.en, {
  samples: 'Its translations', bleu: 'BLEU, as written', bleu_lower: 'BLEU, lower case', bleu_note: 'as sacreBLEU counts: 13a, exp',
  bleu_validation: '{n} on the validation part', nats: 'nats a token, mean', guessed: 'Right at first guess', guessed_note: 'of {n} tokens',
  pairs: 'Pairs', vocabulary: 'Vocabularies', unknown: '{p} of the sources unknown', search: 'Beam', search_note: 'length penalty {a}',
  worst: 'The worst', best_ones: 'The best', others: 'Some of all, at equal distances', reference: 'Reference', translation: 'Translation', source: 'Source',
  samples_lead: 'By the BLEU of each sentence alone, which says little of a short one.',
});
Object.assign(words.zh, {
  samples: '译文', bleu: 'BLEU，区分大小写', bleu_lower: 'BLEU，不分大小写', bleu_note: '与 sacreBLEU 相同：13a，exp',
  bleu_validation: '验证集 {n}', nats: '每词元 nat，平均', guessed: '首选即正确', guessed_note: '共 {n} 个词元',
  pairs: '句对', vocabulary: '词表', unknown: '原文中 {p} 未知', search: '集束宽度', search_note: '长度惩罚 {a}',
  worst: '最差的', best_ones: '最好的', others: '等距抽取', reference: '参考译文', translation: '译文', source: '原文',
  samples_lead: '按每句自己的 BLEU 排列；句子很短时此数意义不大。',
});
Object.assign(words.zh.names, {translation: '翻译'});
const F = D.facts, L = D.figures;
function figures_section() {
  const figure = (name, value, note, kind) => el('div', {class: kind}, el('dt', {}, name), el('dd', {}, value, note && el('small', {}, note)));
  const epochs = D.history.length === 1 ? t('epoch1') : D.history.length ? t('epochs', {n: whole(D.history.length)}) : '';
  const held = key => D.validation ? t('bleu_validation', {n: fixed(D.validation[key], 2)}) : t('bleu_note');
  return section('summary', el('dl', {class: 'figures'},
    figure(t('bleu_lower'), fixed(L.bleu_lower, 2), held('bleu_lower'), 'hero'),
    figure(t('bleu'), fixed(L.bleu, 2), held('bleu')),
    figure(t('loss'), fixed(L.loss, 3), t('nats')),
    figure(t('guessed'), percent(L.accuracy), t('guessed_note', {n: whole(L.tokens)})),
    figure(t('pairs'), whole(L.pairs), L.unknown > 0 ? t('unknown', {p: percent(L.unknown, 2)}) : ''),
    figure(t('vocabulary'), whole(L.source_vocabulary) + ' → ' + whole(L.target_vocabulary), ''),
    figure(t('search'), whole(L.beam), t('search_note', {a: short(L.length_penalty)})),
    figure(t('parameters'), compact(F.parameters), F.seconds > 0 ? t('evaluated', {t: duration(F.seconds)}) : ''),
    F.train_seconds > 0 ? figure(t('train_time'), duration(F.train_seconds), epochs) : null));
}
function samples_section() {
  const cards = list => list.map(s => el('div', {class: 'pair'}, el('b', {}, fixed(s.bleu, 1)),
    el('dl', {}, ['source', 'reference', 'translation'].flatMap(key => [el('dt', {}, t(key)), el('dd', {}, s[key])]))));
  const group = (name, list) => list.length ? [el('h3', {}, t(name)), cards(list)] : [];
  const S = D.samples;
  if (!S.worst.length && !S.best.length && !S.others.length) return null;
  return section('samples', lead(t('samples_lead')), ...group('worst', S.worst), ...group('best_ones', S.best), ...group('others', S.others));
}
const about = () => [known(F.task), [F.data, known(F.split)].filter(Boolean).join(' / '), F.date, t('seed', {n: F.seed})].filter(Boolean);
const makers = [figures_section, training_section, samples_section, network_section, recipe_section, next_section];
const forget = () => { epoch_charts.clear(); };
const shown = () => {};
)js";

inline const std::string translation_page_style = std::string(page_style_sections) + R"css(
.pair { display: flex; gap: 20px; background: var(--panel); border-radius: 8px; padding: 14px 20px; margin-top: 12px; font-size: 14px; line-height: 1.5; }
.pair + h3 { margin-top: 26px; }
.pair > b { min-width: 3em; text-align: right; font-variant-numeric: tabular-nums; }
.pair dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 14px; margin: 0; overflow-wrap: anywhere; }
.pair dt { opacity: .65; } .pair dd { margin: 0; }
)css";

inline constexpr std::array<std::string_view, 7> translation_page_script = {
    page_words, page_tools, page_charts, page_common, page_sections, translation_sections, page_frame};

}  // namespace tandem::evaluate
