@echo off
rem Activates this environment in cmd.exe. Running "deactivate" afterwards gives back what was changed here.

for /f "tokens=2 delims=:." %%a in ('"%SystemRoot%\System32\chcp.com"') do set _OLD_CODEPAGE=%%a
if defined _OLD_CODEPAGE "%SystemRoot%\System32\chcp.com" 65001 > nul

set "VIRTUAL_ENV={{VIRTUAL_ENV}}"
set "VIRTUAL_ENV_PROMPT={{PROMPT}}"

if not defined PROMPT set PROMPT=$P$G
if defined _OLD_VIRTUAL_PROMPT set "PROMPT=%_OLD_VIRTUAL_PROMPT%"
if defined _OLD_VIRTUAL_PYTHONHOME set "PYTHONHOME=%_OLD_VIRTUAL_PYTHONHOME%"
if defined _OLD_VIRTUAL_PATH set "PATH=%_OLD_VIRTUAL_PATH%"

set "_OLD_VIRTUAL_PROMPT=%PROMPT%"
if not defined VIRTUAL_ENV_DISABLE_PROMPT set "PROMPT={{PROMPT_SHOWN}}%PROMPT%"

rem It would lead the environment's Python to another standard library.
if defined PYTHONHOME set "_OLD_VIRTUAL_PYTHONHOME=%PYTHONHOME%"
set PYTHONHOME=

set "_OLD_VIRTUAL_PATH=%PATH%"
set "PATH=%VIRTUAL_ENV%\bin;%PATH%"

if defined _OLD_CODEPAGE "%SystemRoot%\System32\chcp.com" %_OLD_CODEPAGE% > nul
set _OLD_CODEPAGE=
