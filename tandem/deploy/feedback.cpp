#include <tandem/base/text.h>
#include <tandem/data/formats/image.h>
#include <tandem/deploy/feedback.h>
#include <tandem/deploy/http.h>
#include <tandem/evaluate/page_pictures.h>
#include <tandem/people/learn.h>
#include <tandem/people/versions.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tandem::deploy {
namespace {

using json = nlohmann::ordered_json;

constexpr int64_t most_waiting = 200;       // shown at once
constexpr size_t most_corrections = 200;    // shown, the latest
constexpr size_t most_words = 1000;         // bytes of a name or a note

std::string text_of(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

json object_of(std::string_view body) {
  json out = json::parse(body, nullptr, false);
  if (!out.is_object()) throw Refused(400, "the body must be a JSON object");
  return out;
}

int64_t number_of(const json& body, const char* key) {
  const auto found = body.find(key);
  if (found == body.end() || !found->is_number_integer()) throw Refused(400, fmt::format("'{}' must be a whole number", key));
  return found->get<int64_t>();
}

std::string words_of(const json& body, const char* key, bool needed) {
  const auto found = body.find(key);
  if (found == body.end() && !needed) return "";
  if (found == body.end() || !found->is_string()) throw Refused(400, fmt::format("'{}' must be text", key));
  std::string out = found->get<std::string>();
  if ((needed && out.empty()) || out.size() > most_words)
    throw Refused(400, fmt::format("'{}' must have up to {} bytes{}", key, most_words, needed ? " and not be empty" : ""));
  return out;
}

// Example `row` of an answer as a decision, its picture with it when that may be kept.
people::Decision decision_of(const ServedModel& served, const Answer& answer, int64_t row, const Tensor* pixels) {
  const tasks::ImageModel& model = served.model();
  const auto p = std::span(answer.probabilities)
                     .subspan(static_cast<size_t>(row * served.classes()), static_cast<size_t>(served.classes()));
  const auto best = static_cast<size_t>(std::ranges::max_element(p) - p.begin());
  people::Decision out{.model = served.name(),
                       .version = people::version_of(model).number,
                       .label = model.classes[best],
                       .probability = static_cast<double>(p[best]),
                       .probabilities = {p.begin(), p.end()}};
  if (!answer.verdicts.empty()) {
    const evaluate::Why why = answer.verdicts[static_cast<size_t>(row)].why;
    out.deferred = why != evaluate::Why::answered;
    if (out.deferred) out.reason = why == evaluate::Why::unfamiliar ? "unfamiliar" : "unsure";
  }
  if (pixels) out.media_type = "image/png", out.input = data::encode_png(*pixels);
  return out;
}

json of(const people::Update& u) {
  return {{"id", u.id},
          {"time", u.time},
          {"from", u.from},
          {"to", u.to},
          {"corrections", u.corrections},
          {"set_aside", u.set_aside},
          {"accuracy_before", u.accuracy_before},
          {"accuracy_after", u.accuracy_after},
          {"verdict", u.verdict}};
}

}  // namespace

Feedback::Feedback(train::RunFolder run, fs::path data_folder, bool keep_inputs)
    : run_(std::move(run)),
      data_folder_(std::move(data_folder)),
      keep_inputs_(keep_inputs),
      store_(people::store_path(run_)) {}

std::string Feedback::decide(const ServedModel& served, const Picture& picture, const Answer& answer) {
  return text_of({{"decision", store_.add(decision_of(served, answer, 0, keep_inputs_ ? &picture.pixels : nullptr))}});
}

void Feedback::keep(const ServedModel& served, std::span<const float> pixels, const Answer& answer) {
  std::vector<people::Decision> kept;
  const Shape& shape = served.model().input.shape();
  const auto size = static_cast<size_t>(shape.numel());
  for (size_t i = 0; i < answer.verdicts.size(); ++i) {
    if (!answer.verdicts[i].deferred()) continue;
    const Tensor picture = Tensor::empty(shape, DType::u8);
    std::ranges::transform(pixels.subspan(i * size, size), picture.data<uint8_t>().begin(),
                           [](float v) { return static_cast<uint8_t>(v + 0.5F); });
    kept.push_back(decision_of(served, answer, static_cast<int64_t>(i), keep_inputs_ ? &picture : nullptr));
  }
  if (room_ <= 0) room_ = most_kept - std::ssize(store_.waiting(most_kept));
  if (std::ssize(kept) > room_) kept.resize(static_cast<size_t>(std::max<int64_t>(room_, 0)));
  if (kept.empty()) return;
  room_ -= std::ssize(kept);
  (void)store_.add(kept);
}

std::string Feedback::correct(const ServedModel& served, std::string_view text) {
  const json body = object_of(text);
  const people::Correction correction{.decision = number_of(body, "decision"),
                                      .person = words_of(body, "person", true),
                                      .label = words_of(body, "label", true),
                                      .note = words_of(body, "note", false)};
  const auto& classes = served.model().classes;
  if (std::ranges::find(classes, correction.label) == classes.end())
    throw Refused(400, fmt::format("'label' must be a class of the model: {}", join(classes)));
  try {
    return text_of({{"correction", store_.correct(correction)}});
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::usage) throw;
    throw Refused(404, "there is no decision with this number");
  }
}

std::string Feedback::queue() {
  json out = json::array();
  for (const people::Decision& d : store_.waiting(most_waiting)) {
    const std::vector<uint8_t> input = store_.decision(d.id).input;
    out.push_back({{"id", d.id},
                   {"time", d.time},
                   {"label", d.label},
                   {"probabilities", d.probabilities},
                   {"why", d.reason},
                   {"picture", evaluate::base64(input)}});
  }
  return text_of(out);
}

int64_t Feedback::waiting() { return std::ssize(store_.waiting(most_waiting)); }

std::string Feedback::learning() {
  json versions = json::array(), updates = json::array(), said = json::array();
  for (const people::Version& v : people::Versions(run_).list())
    versions.push_back({{"number", v.number},
                        {"parent", v.parent},
                        {"time", v.time},
                        {"corrections", v.corrections},
                        {"accuracy", v.accuracy < 0 ? json(nullptr) : json(v.accuracy)},
                        {"live", v.live}});
  for (const people::Update& u : store_.updates()) updates.push_back(of(u));
  const std::vector<people::Correction> all = store_.corrections();
  for (size_t i = all.size() - std::min(all.size(), most_corrections); i < all.size(); ++i) {
    const people::Correction& c = all[i];
    said.push_back({{"id", c.id},
                    {"decision", c.decision},
                    {"time", c.time},
                    {"person", c.person},
                    {"said", store_.decision(c.decision).label},
                    {"label", c.label},
                    {"trust", c.trust < 0 ? json(nullptr) : json(c.trust)},
                    {"version", c.version}});
  }
  return text_of({{"versions", versions},
                  {"updates", updates},
                  {"corrections", said},
                  {"waiting", store_.corrections(true).size()}});
}

std::string Feedback::learn() { return text_of(of(people::learn(run_, data_folder_))); }

std::string Feedback::restore(std::string_view body) {
  const int64_t number = number_of(object_of(body), "version");
  try {
    people::Versions(run_).make_live(number);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::usage) throw;
    throw Refused(400, e.what());
  }
  return text_of({{"version", number}});
}

std::string Feedback::compare(std::string_view text) {
  const json body = object_of(text);
  const people::Versions versions(run_);
  people::Comparison c;
  try {
    tasks::ImageModel first = versions.load(number_of(body, "first")), second = versions.load(number_of(body, "second"));
    c = people::compare(first, second, memory()->held_back);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::usage) throw;
    throw Refused(400, e.what());
  }
  return text_of({{"both", c.both}, {"only_first", c.only_first}, {"only_second", c.only_second}, {"neither", c.neither}});
}

std::shared_ptr<const people::Memory> Feedback::memory() {
  const std::scoped_lock lock(mutex_);
  if (!memory_) memory_ = std::make_shared<const people::Memory>(people::memory_of(run_, data_folder_));
  return memory_;
}

}  // namespace tandem::deploy
