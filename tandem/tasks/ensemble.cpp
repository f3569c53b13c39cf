#include <tandem/base/text.h>
#include <tandem/tasks/ensemble.h>

namespace tandem::tasks {

void Ensemble::add(std::string name, Classifier member) {
  if (!members.empty()) {
    if (member.classes != classes())
      fail("ensemble", "{} tells {} apart and {} tells {}: only networks of the same classes answer together", name,
           join(member.classes), names[0], join(classes()));
    if (task_of(member.input) != task_of(members[0].input))
      fail("ensemble", "{} does {} and {} does {}: they read different kinds of examples", name, task_of(member.input),
           names[0], task_of(members[0].input));
  }
  names.push_back(std::move(name));
  members.push_back(std::move(member));
}

std::vector<std::vector<float>> Ensemble::opinions(const data::Dataset& set) {
  std::vector<std::vector<float>> out;
  for (Classifier& member : members) out.push_back(member.predict(set));
  return out;
}

std::vector<float> Ensemble::mean(const std::vector<std::vector<float>>& opinions) {
  std::vector<float> out(opinions.at(0).size());
  for (size_t i = 0; i < out.size(); ++i) {
    double sum = 0;
    for (const auto& one : opinions) sum += static_cast<double>(one[i]);
    out[i] = static_cast<float>(sum / static_cast<double>(opinions.size()));
  }
  return out;
}

}  // namespace tandem::tasks
