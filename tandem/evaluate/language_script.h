// The sections of a language model's report page. Words, tools, curves and the frame are those of report.html.
#pragma once
#include <tandem/evaluate/page_script.h>
#include <tandem/evaluate/page_template.h>

#include <array>
#include <string>
#include <string_view>

namespace tandem::evaluate {

inline constexpr std::string_view language_sections = R"js(
Object.assign(words.en, {
  samples: 'What it writes', perplexity: 'Perplexity', perplexity_note: 'as unsure as among so many equally likely tokens',
  nats: 'nats a token, mean', guessed: 'Right at first guess', guessed_note: 'of {n} tokens', vocabulary: 'Vocabulary', unknown: '{p} of the text unknown',
  reads: 'Reads at a time', reads_note: 'tokens', reads_carry: 'tokens, remembering those before',
  samples_lead: 'Written by the network from the beginning set in bold, one token after another, as its probabilities fell.',
});
Object.assign(words.zh, {
  samples: '它写的文字', perplexity: '困惑度', perplexity_note: '相当于在这么多个同样可能的词元中犹豫',
  nats: '每词元 nat，平均', guessed: '首选即正确', guessed_note: '共 {n} 个词元', vocabulary: '词表', unknown: '文本中 {p} 未知',
  reads: '一次读入', reads_note: '个词元', reads_carry: '个词元，并记住之前的内容',
  samples_lead: '粗体为给定的开头，其后由网络按其概率逐个词元写出。',
});
Object.assign(words.zh.names, {'language model': '语言模型'});
const F = D.facts, L = D.figures;
function figures_section() {
  const figure = (name, value, note, kind) => el('div', {class: kind}, el('dt', {}, name), el('dd', {}, value, note && el('small', {}, note)));
  const epochs = D.history.length === 1 ? t('epoch1') : D.history.length ? t('epochs', {n: whole(D.history.length)}) : '';
  return section('summary', el('dl', {class: 'figures'},
    figure(t('loss'), fixed(L.loss, 3), t('nats'), 'hero'),
    figure(t('perplexity'), short(L.perplexity), t('perplexity_note')),
    figure(t('guessed'), percent(L.accuracy), t('guessed_note', {n: whole(L.tokens)})),
    figure(t('vocabulary'), whole(L.vocabulary), L.unknown > 0 ? t('unknown', {p: percent(L.unknown, 2)}) : ''),
    figure(t('parameters'), compact(F.parameters), F.seconds > 0 ? t('evaluated', {t: duration(F.seconds)}) : ''),
    F.train_seconds > 0 ? figure(t('train_time'), duration(F.train_seconds), epochs) : null,
    figure(t('reads'), whole(L.context), t(L.carry ? 'reads_carry' : 'reads_note'))));
}
function samples_section() {
  if (!D.samples.length) return null;
  return section('samples', lead(t('samples_lead')), D.samples.map(s => el('pre', {class: 'sample', tabindex: 0}, el('b', {}, s.prompt), s.text)));
}
const about = () => [known(F.task), [F.data, known(F.split)].filter(Boolean).join(' / '), F.date, t('seed', {n: F.seed})].filter(Boolean);
const makers = [figures_section, training_section, samples_section, network_section, recipe_section, next_section];
const forget = () => { epoch_charts.clear(); };
const shown = () => {};
)js";

inline const std::string language_page_style = std::string(page_style_sections) + R"css(
.sample { white-space: pre-wrap; background: var(--panel); border-radius: 8px; padding: 16px 20px; margin-top: 16px; font-size: 14px; line-height: 1.55; }
.sample b { font-weight: 700; }
)css";

inline constexpr std::array<std::string_view, 7> language_page_script = {
    page_words, page_tools, page_charts, page_common, page_sections, language_sections, page_frame};

}  // namespace tandem::evaluate
