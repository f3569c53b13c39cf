// The program: a list of verbs, and what happens when one fails.
#include <tandem/base/error.h>
#include <tandem/base/text.h>
#include <tandem/base/threads.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/kernels/isa.h>

#include <algorithm>
#include <cstdio>
#include <new>
#include <system_error>

int main(int argc, char** argv) {
  using namespace tandem;
  if (!kernels::cpu_supported()) {
    cli::say(
        "tandem: this processor has no AVX2 and FMA, which the program needs (any x86-64 since about 2013 has them)");
    return 1;
  }
  CLI::App app{"Neural networks that work beside people."};
  app.set_version_flag("--version", std::string("tandem ") + TANDEM_VERSION);
  app.require_subcommand(1);
  app.fallthrough();  // --threads may stand after the verb too
  app.set_help_all_flag("--help-all", "Help of every verb");
  cli::Context context;
  app.add_option("--threads", context.threads, "Threads to use (default: all cores); results do not depend on it")
      ->envname("TANDEM_THREADS")
      ->check(CLI::Range(1, 1024));
  for (int i = 0; i < argc; ++i) context.command += (i ? " " : "") + std::string(i ? argv[i] : "tandem");

  cli::add_init(app, context);
  cli::add_train(app, context);
  cli::add_tune(app, context);
  cli::add_evaluate(app, context);
  cli::add_predict(app, context);
  cli::add_embed(app, context);
  cli::add_generate(app, context);
  cli::add_translate(app, context);
  cli::add_import(app, context);
  cli::add_merge(app, context);
  cli::add_quantise(app, context);
  cli::add_export(app, context);
  cli::add_explain(app, context);
  cli::add_inspect(app, context);
  cli::add_serve(app, context);
  cli::add_label(app, context);
  cli::add_correct(app, context);
  cli::add_learn(app, context);
  cli::add_versions(app, context);
  cli::add_records(app, context);
  cli::add_data(app, context);
  cli::add_runs(app, context);
  cli::add_recipe(app, context);
  app.footer("Start: tandem train digits");

  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) verbs.push_back(verb->get_name());
  const std::string first = argc > 1 ? argv[1] : "";
  if (first.empty() || (first[0] != '-' && std::ranges::find(verbs, first) == verbs.end())) {
    const std::string near = nearest_name(first, verbs);
    cli::say(fmt::format("tandem: {}{}; verbs: {}; tandem --help says more",
                         first.empty() ? "give a verb" : fmt::format("'{}' is no verb", first),
                         near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), join(verbs)));
    return 2;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
    const std::string verb = first[0] == '-' ? "" : first + " ";
    cli::say(fmt::format("tandem: {}; tandem {}--help says what there is", e.what(), verb));
    return 2;
  }
  try {
    kernels::apply_isa_limit();
    if (context.threads > 0) set_threads(context.threads);
    const int code = context.action();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      fail(ErrorKind::file, "standard output", "cannot be written");
    return code;
  } catch (const Error& e) {
    cli::say(std::string("tandem: ") + e.what());
    return exit_code(e.kind());
  } catch (const std::system_error& e) {  // of a file or of standard output
    cli::say(std::string("tandem: ") + e.what());
    return 3;
  } catch (const std::bad_alloc&) {
    cli::say("tandem: out of memory: use smaller batches (train.batch) or pictures (data.size)");
    return 1;
  } catch (const std::exception& e) {
    cli::say(std::string("tandem: internal error: ") + e.what());
    return 1;
  }
}
