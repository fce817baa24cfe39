#include <unistd.h>

#include <iostream>

#include "client/cli/app.h"

int main(int argc, char** argv) {
  return chainrule::client::RunCli(argc, argv, isatty(STDOUT_FILENO) == 1, &std::cout, &std::cerr);
}
