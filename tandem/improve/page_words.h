// All words of a search's page in both languages; {name} marks what is filled in.
#pragma once
#include <string_view>

namespace tandem::improve {

inline constexpr std::string_view page_words = R"js(
const words = {
  en: {
    skip: 'Skip to the search', language: 'Language', theme: 'Colours', auto: 'Auto', light: 'Light', dark: 'Dark', contents: 'Contents',
    summary: 'At a glance', history: 'History', importance: 'What matters', slices: 'Each parameter', parallel: 'All parameters at once',
    front: 'Trade-off', table: 'Trials', recipe: 'Best recipe', next: 'Next steps', seed: 'seed {n}', by: 'by {sampler}',
    best: 'best {name} so far', best_of: 'Best {name}', best_note: 'trial {n}, after {e} of {m} epochs', trials: 'Trials', trials_note: 'of {n} planned',
    finished: 'Trained to the end', paused: 'Stopped early', failed: 'Failed', epochs: 'Epochs trained', time: 'Training time', front_count: 'On the front', front_count_note: 'nothing is better in everything',
    paused_note: 'others were better', failed_note: 'recorded, and gone on',
    said: 'Of {n} trials, {f} were trained to the end; {p} stopped early because others were better after as many epochs.',
    said_all: 'All {f} of {n} trials that gave a result were trained to the end.', said_bad: '{n} failed.', said_most: 'What mattered most is {a}: it explains {p} of the differences by itself.',
    nothing: 'No trial has a result yet.',
    history_lead: 'Each dot is a trial; filled ones were trained to the end. The line is the best of these so far. Point at a dot to see its values.',
    trial: 'Trial', state: 'State',
    importance_lead: 'How much of the differences between trials each parameter explains by itself, over the whole space (functional ANOVA on a forest), from {n} trials after {e}. What is missing to 100% is explained by parameters together.',
    e1: '1 epoch', en: '{n} epochs', importance_none: 'There are too few trials to say: at least 8 results are needed.', parameter: 'Parameter', share: 'Share',
    slices_lead: 'The value of each trial over one parameter. Where the dots rise together, the parameter matters.',
    parallel_lead: 'A line is a trial, from parameter to parameter and on to what it reached; blue is better, grey worse. Point at a line to see its values.',
    front_lead: 'Trials that nothing beats in everything are joined by a line: to gain in one, something of the other must be given.',
    table_lead: 'The best first. A failed trial says why.', more: 'Show all {n}',
    recipe_lead: 'Ready to train; it stands in best.yaml too.', copy: 'Copy', copied: 'Copied', next_lead: 'Commands to go on with.',
    step0: 'Train the best recipe', step1: 'Go on with the search, or join it from another terminal',
    made: 'Made by Tandem {v}', command: 'Command',
    states: {finished: 'finished', paused: 'stopped early', failed: 'failed', running: 'running', waiting: 'interrupted'},
    names: {accuracy: 'accuracy', loss: 'loss', parameters: 'parameters', 'multiply adds': 'multiplications', latency: 'latency'}, ms: '{n} ms',
  },
  zh: {
    skip: '跳到搜索正文', language: '语言', theme: '配色', auto: '自动', light: '浅色', dark: '深色', contents: '目录',
    summary: '概览', history: '历史', importance: '什么最重要', slices: '逐个参数', parallel: '所有参数',
    front: '取舍', table: '各次试验', recipe: '最佳配方', next: '下一步', seed: '随机种子 {n}', by: '采样方法 {sampler}',
    best: '至今最佳{name}', best_of: '最佳{name}', best_note: '第 {n} 次试验，训练 {e} / {m} 轮', trials: '试验', trials_note: '计划 {n} 次',
    finished: '训练到底', paused: '提前停下', failed: '失败', epochs: '训练轮数', time: '训练用时', front_count: '前沿上', front_count_note: '没有哪个在各方面都更好',
    paused_note: '同样轮数下别的更好', failed_note: '已记录，搜索继续',
    said: '共 {n} 次试验，{f} 次训练到底；{p} 次提前停下，因为同样轮数下别的更好。',
    said_all: '共 {n} 次试验，有结果的 {f} 次都训练到底。', said_bad: '{n} 次失败。', said_most: '最重要的是 {a}：它单独解释了差别的 {p}。',
    nothing: '还没有试验得出结果。',
    history_lead: '每个点是一次试验，实心点训练到底。线是其中至今最佳。指向一个点可看它的取值。',
    trial: '试验', state: '状态',
    importance_lead: '在整个空间上，每个参数单独能解释多少差别（随机森林上的 functional ANOVA），依据 {n} 次试验在 {e} 后的结果。不足 100% 的部分由参数共同解释。',
    e1: '1 轮', en: '{n} 轮', importance_none: '试验太少，还说不清：至少要 8 个结果。', parameter: '参数', share: '占比',
    slices_lead: '每次试验的结果随一个参数的变化。点一起升高之处，这个参数就重要。',
    parallel_lead: '一条线是一次试验，从一个参数到下一个，最后到它的结果；蓝色较好，灰色较差。指向一条线可看它的取值。',
    front_lead: '没有哪个在各方面都更好的试验以线相连：要在一方面得益，另一方面就得让步。',
    table_lead: '最好的在前。失败的试验说明原因。', more: '显示全部 {n} 次',
    recipe_lead: '可直接训练；也在 best.yaml 中。', copy: '复制', copied: '已复制', next_lead: '可以继续使用的命令。',
    step0: '训练最佳配方', step1: '继续搜索，或从另一个终端加入',
    made: '由 Tandem {v} 生成', command: '命令',
    states: {finished: '完成', paused: '提前停下', failed: '失败', running: '进行中', waiting: '中断'},
    names: {accuracy: '准确率', loss: '损失', parameters: '参数量', 'multiply adds': '乘法次数', latency: '延迟'}, ms: '{n} 毫秒',
  },
};
)js";

}  // namespace tandem::improve
