#ifndef CLINUX_H
#define CLINUX_H
int reflow_placeholder(void);
#endif
