#include "CLinux.h"
int reflow_placeholder(void) { return 0; }
