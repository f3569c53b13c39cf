#include <tandem/base/version.h>
#include <tandem/train/fit.h>
#include <tandem/train/run.h>

#include <tuple>

namespace tandem::train {

Fit fit(const nn::Sequential& net, const data::Splits& data, const FitOptions& options) {
  Recipe recipe;
  recipe.seed = options.seed;
  recipe.network = net;
  recipe.data.augment.image = options.augment;
  recipe.data.augment.mixing = options.mixing;
  recipe.loss = options.loss;
  recipe.optimizer = options.optimizer;
  recipe.schedule = options.schedule;
  recipe.train.epochs = options.epochs;
  recipe.train.batch = options.batch;
  recipe.train.precision = options.precision;
  recipe.train.average = options.average;
  recipe.train.prune = options.prune;
  recipe.train.early_stopping = options.early_stopping;
  recipe.people = options.people;

  data::Dataset train = data.train, validation = data.validation;
  if (validation.size() == 0 && options.validation > 0)
    std::tie(train, validation) = data::split(data.train, options.validation, options.seed);
  Fit out;
  out.model = make_model(recipe, train);
  Trainer trainer(recipe, out.model, train, validation);
  if (recipe.people) out.model.check_people(validation);
  out.outcome = trainer.run(options.hooks);
  if (recipe.people && out.outcome != Outcome::interrupted)
    out.model.learn_confidence(*recipe.people, train, validation);
  out.history = trainer.history();
  out.best_epoch = trainer.best_epoch();
  out.seconds = trainer.seconds();
  out.model.notes = {{"recipe", recipe.write().str()},
                     {"seed", std::to_string(recipe.seed)},
                     {"version", version()},
                     {"data", train.source}};
  return out;
}

}  // namespace tandem::train
