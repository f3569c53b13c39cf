#include <tandem/base/threads.h>
#include <tandem/base/version.h>
#include <tandem/kernels/isa.h>
#include <tandem/train/checkpoints.h>
#include <tandem/train/events.h>
#include <tandem/train/run.h>

namespace tandem::train {
namespace {

std::string log_text(const Recipe& recipe, const std::string& command, const Trainer& trainer) {
  std::string out = fmt::format("tandem {}\n{}\nseed {}, {} threads, {}\n", version(), command, recipe.seed, threads(),
                                kernels::isa_name());
  for (const auto& p : trainer.history())
    out += fmt::format(
        "epoch {}  train loss {:.5f} accuracy {:.4f}  validation loss {:.5f} accuracy {:.4f}  lr {:.3g}  {:.1f} s\n",
        p.epoch, p.train_loss, p.train_accuracy, p.validation_loss, p.validation_accuracy, p.learning_rate, p.seconds);
  for (const evaluate::Remark& remark : trainer.remarks()) out += remark.en + "\n";
  return out;
}

}  // namespace

RunResult run(Recipe& recipe, const RunFolder& folder, const fs::path& data_folder, const std::string& command,
              bool resume, const Hooks& hooks) {
  const std::unique_ptr<Job> job = make_job(recipe, data_folder);
  if (hooks.remark)
    for (const std::string& remark : job->remarks()) hooks.remark(remark);
  Trainer trainer(recipe, job->task());
  Checkpoints checkpoints(folder.checkpoint().parent_path());
  if (resume) {
    const Checkpoints::Found found = checkpoints.newest();
    if (hooks.remark && !found.remark.empty()) hooks.remark(found.remark);
    trainer.restore(found.state, found.file.string());
  }
  write_text(folder.recipe(), recipe.write().str());

  const auto save = [&](bool best) {
    checkpoints.save(trainer.checkpoint(), best);
    write_text(folder.metrics(), metrics_lines(trainer.history()));
    write_text(folder.log(), log_text(recipe, command, trainer));
    append_events(folder.path, trainer.history());
  };
  Hooks own = hooks;
  own.epoch = [&](const evaluate::EpochPoint& point, bool best) {
    save(best);
    if (hooks.epoch) hooks.epoch(point, best);
  };
  RunResult out;
  out.outcome = trainer.run(own);
  save(false);
  if (trainer.kept_epoch() == trainer.best_epoch()) out.best_epoch = trainer.best_epoch();
  out.train_seconds = trainer.seconds();
  if (out.outcome == Outcome::interrupted) return out;

  out.test = job->finish(trainer, folder, command);
  return out;
}

}  // namespace tandem::train
