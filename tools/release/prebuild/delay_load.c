/* On Windows an addon imports Node-API from node.exe by name. Electron and renamed Nodes have it in a
 * program of another name: when the import is resolved, the running program answers for it. */
#include <windows.h>

#include <delayimp.h>
#include <string.h>

static FARPROC WINAPI program_for_node(unsigned event, PDelayLoadInfo info) {
  if (event != dliNotePreLoadLibrary || _stricmp(info->szDll, "node.exe") != 0) return NULL;
  return (FARPROC)GetModuleHandleA(NULL);
}

PfnDliHook __pfnDliNotifyHook2 = program_for_node;
