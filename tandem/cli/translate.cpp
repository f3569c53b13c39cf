// A verb beside predict: predict answers about inputs, as tables and with confidence; this one writes texts, line by
// line, so that it stands between other programs.
#include <tandem/base/files.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/texts.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/formats/lines.h>
#include <tandem/data/text/unicode.h>
#include <tandem/tasks/translator.h>
#include <tandem/train/recipe.h>
#include <tandem/train/run_folder.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

namespace tandem::cli {
namespace {

constexpr size_t at_once = 32;  // lines: many keep the processor busy, few are soon done

struct Options {
  std::string model;
  std::vector<std::string> inputs;
  tasks::BeamOptions search;
  bool json = false;
};

struct Line {
  std::string text, where;
};

class Translating {
 public:
  explicit Translating(const Options& o) : o_(o), translator_(tasks::Translator::load(train::model_path(o.model))) {
    // Of how translations are looked for, what the command line leaves open is the recipe's.
    const auto& notes = translator_.model().notes;
    if (const auto found = notes.find("recipe"); found != notes.end())
      search_ = train::Recipe::read(Config::parse(found->second, "recipe of the model")).translation.search;
    if (o.search.beam > 0) search_.beam = o.search.beam;
    if (o.search.length_penalty >= 0) search_.length_penalty = o.search.length_penalty;
  }

  /// Line by line: one without a word stays one.
  void add(std::string text, const std::string& where) {
    waiting_.push_back({std::move(text), where});
    if (waiting_.size() == at_once) flush();
  }

  void flush() {
    std::vector<std::string> texts;
    for (const Line& line : waiting_)
      if (!is_blank(line.text)) texts.push_back(line.text);
    const std::vector<tasks::Translated> said = translator_.translate(texts, search_);
    size_t next = 0;
    for (const Line& line : waiting_) print(line, is_blank(line.text) ? tasks::Translated{} : said[next++]);
    std::fflush(stdout);
    waiting_.clear();
  }

 private:
  static bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\r\n\v\f") == std::string::npos; }

  void print(const Line& line, const tasks::Translated& said) const {
    if (said.cut)
      say(fmt::format("{}: '{}' has more than the {} tokens this model reads: its end is left away", line.where,
                      shortened(line.text, 40), translator_.model().reading.length.most - 1));
    if (said.unknown > 0 && 2 * said.unknown >= said.source_tokens)
      say(fmt::format("{}: '{}': {} of {} tokens are unknown to this model, so its translation means little",
                      line.where, shortened(line.text, 40), said.unknown, said.source_tokens));
    if (!o_.json) {
      fmt::print("{}\n", said.text);
      return;
    }
    const nlohmann::ordered_json out{
        {"text", line.text}, {"translation", said.text}, {"score", said.score}, {"tokens", said.tokens}};
    fmt::print("{}\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }

  const Options& o_;
  tasks::Translator translator_;
  tasks::BeamOptions search_;
  std::vector<Line> waiting_;
};

/// Standard input as it comes: what is there is translated before more is waited for, so that someone who asks line by
/// line is answered line by line.
void read_input(Translating& to) {
  std::string text;
  std::vector<char> buffer(1 << 16);
  int64_t number = 0;
  const auto add = [&](std::string line) {
    if (line.ends_with('\r')) line.pop_back();
    data::check_utf8(line, "standard input", ++number);
    to.add(std::move(line), fmt::format("standard input:{}", number));
  };
  while (!interrupted()) {
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(ErrorKind::file, "standard input", "cannot be read: {}", std::strerror(errno));
    if (got == 0) break;
    text.append(buffer.data(), static_cast<size_t>(got));
    size_t first = 0;
    for (size_t end; (end = text.find('\n', first)) != std::string::npos && !interrupted(); first = end + 1)
      add(text.substr(first, end - first));
    text.erase(0, first);
    to.flush();
  }
  if (!text.empty() && !interrupted()) add(text);
}

int run(const Options& o) {
  Translating translating(o);
  catch_interrupts();
  for (const std::string& input : o.inputs) {
    std::error_code error;
    if (input == "-") {
      read_input(translating);
    } else if (fs::is_regular_file(input, error)) {
      data::LineReader lines(input);
      for (std::string line; !interrupted() && lines.next(line);)
        translating.add(line, fmt::format("{}:{}", input, lines.line()));
    } else {
      if (looks_like_a_path(input)) fail(ErrorKind::file, input, "does not exist");
      if (input.find_first_not_of(" \t\r\n") == std::string::npos)
        fail("translate", "the text given is empty: there is nothing to translate");
      data::check_utf8(input, "the text given");
      translating.add(input, "the text given");
    }
  }
  if (!interrupted()) translating.flush();
  return interrupted() ? 130 : 0;
}

}  // namespace

void add_translate(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  o->search = {.beam = 0, .length_penalty = -1};  // as the recipe says
  CLI::App* verb = app.add_subcommand("translate", "Translate texts, or a file line by line");
  verb->add_option("run", o->model, "A run folder or a model file")->required();
  verb->add_option("inputs", o->inputs, "Texts, files of them (a line each), or - for standard input")->required();
  verb->add_option("--beam", o->search.beam,
                   "Beginnings that are looked at side by side; 1 always takes the likeliest token (default: the "
                   "recipe's)")
      ->check(CLI::Range(1, 1000));
  verb->add_option("--length-penalty", o->search.length_penalty,
                   "Above 0 longer translations rank higher (default: the recipe's)")
      ->check(CLI::Range(0.0, 10.0));
  verb->add_flag("--json", o->json, "A JSON object a line, with the score");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
