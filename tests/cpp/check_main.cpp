#include <cstring>
#include <iostream>

#include "check.hpp"

namespace check {
namespace {

int failures = 0;

}  // namespace

std::vector<Case>& cases() {
  static std::vector<Case> registered;
  return registered;
}

void report_failure(const char* file, int line, const std::string& what) {
  ++failures;
  std::cerr << file << ":" << line << ": " << what << "\n";
}

}  // namespace check

/// Runs every case, or those whose name holds the first argument.
int main(int argc, char** argv) {
  int failed = 0;
  int run = 0;
  for (const check::Case& test : check::cases()) {
    if (argc > 1 && !std::strstr(test.name, argv[1])) continue;
    ++run;
    const int before = check::failures;
    try {
      test.body();
    } catch (const check::Abandon&) {
    } catch (const std::exception& error) {
      check::report_failure(test.name, 0, std::string("threw ") + error.what());
    }
    const bool passed = check::failures == before;
    failed += passed ? 0 : 1;
    std::cout << (passed ? "ok      " : "FAILED  ") << test.name << std::endl;
  }
  std::cout << run - failed << " of " << run << " cases passed" << std::endl;
  return failed == 0 && run > 0 ? 0 : 1;
}
