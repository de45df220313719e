; The installer for Windows: per user, no administrator's rights, a Start-menu entry, an uninstaller.
;
;   makensis -WX -DVERSION=0.1.0 -DPAYLOAD=build\dist\ntp-studio -DICON=….ico -DOUTPUT=….exe packaging\windows\ntp-studio.nsi
;   setup.exe /S              without any window; /D=C:\a folder (last, without quotes) for another place
;
; An upgrade is an installation over the old one: the program and its _internal folder are removed first, and nothing else
; that may lie there. Settings lie elsewhere and stay.

Unicode true
ManifestDPIAware true
ManifestSupportedOS all
!ifdef AMD64
    Target amd64-unicode
!endif

!ifndef VERSION | PAYLOAD | ICON | OUTPUT
    !error "VERSION, PAYLOAD, ICON and OUTPUT must be given"
!endif

!define NAME "NTP Studio"
!define PROGRAM "ntp-studio.exe"
!define FILE_TYPE "NTPStudio.Text"
!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\NTPStudio"

Name "${NAME}"
OutFile "${OUTPUT}"
RequestExecutionLevel user
InstallDir "$LOCALAPPDATA\Programs\NTP Studio"
InstallDirRegKey HKCU "Software\NTPStudio" "InstallDir"
BrandingText "${NAME} ${VERSION}"
!ifdef FAST
    SetCompress off
!else
    SetCompressor /SOLID lzma
    SetCompressorDictSize 64
!endif

VIProductVersion "${VERSION}.0"
VIAddVersionKey "ProductName" "${NAME}"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "FileDescription" "${NAME} Setup"
VIAddVersionKey "CompanyName" "NTP Studio contributors"
VIAddVersionKey "LegalCopyright" "MIT licence"

!include MUI2.nsh
!include FileFunc.nsh
!include x64.nsh

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_ABORTWARNING
!define MUI_FINISHPAGE_RUN "$INSTDIR\${PROGRAM}"
!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

Function .onInit
    ${IfNot} ${RunningX64}
        MessageBox MB_ICONSTOP "${NAME} needs 64-bit Windows." /SD IDOK
        SetErrorLevel 1
        Abort
    ${EndIf}
FunctionEnd

; Removes what was installed before, and refuses where it is in use.
!macro REMOVE_PROGRAM
    Delete "$INSTDIR\${PROGRAM}"
    ${If} ${FileExists} "$INSTDIR\${PROGRAM}"
        MessageBox MB_ICONSTOP "${NAME} is running. Close it, and try again." /SD IDOK
        SetErrorLevel 1
        Abort
    ${EndIf}
    RMDir /r "$INSTDIR\_internal"
!macroend

Section "${NAME}"
    SetOutPath "$INSTDIR"
    !insertmacro REMOVE_PROGRAM
    File /r "${PAYLOAD}/*"
    WriteUninstaller "$INSTDIR\uninstall.exe"

    ; The place of the working folder of the shortcuts is a person's own, not the program's.
    SetOutPath "$PROFILE"
    CreateShortcut "$SMPROGRAMS\${NAME}.lnk" "$INSTDIR\${PROGRAM}"
    CreateShortcut "$DESKTOP\${NAME}.lnk" "$INSTDIR\${PROGRAM}"
    SetOutPath "$INSTDIR"

    WriteRegStr HKCU "Software\NTPStudio" "InstallDir" "$INSTDIR"
    WriteRegStr HKCU "Software\Classes\.ntpstudio" "" "${FILE_TYPE}"
    WriteRegStr HKCU "Software\Classes\${FILE_TYPE}" "" "NTP Studio text"
    WriteRegStr HKCU "Software\Classes\${FILE_TYPE}\DefaultIcon" "" "$INSTDIR\${PROGRAM},0"
    WriteRegStr HKCU "Software\Classes\${FILE_TYPE}\shell\open\command" "" '"$INSTDIR\${PROGRAM}" "%1"'
    System::Call 'shell32::SHChangeNotify(i 0x08000000, i 0, p 0, p 0)'

    WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayName" "${NAME}"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayVersion" "${VERSION}"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayIcon" "$INSTDIR\${PROGRAM}"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "Publisher" "NTP Studio contributors"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\uninstall.exe"'
    WriteRegStr HKCU "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
    WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoModify" 1
    WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoRepair" 1
    ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
    WriteRegDWORD HKCU "${UNINSTALL_KEY}" "EstimatedSize" $0
SectionEnd

Section "Uninstall"
    !insertmacro REMOVE_PROGRAM
    Delete "$INSTDIR\uninstall.exe"
    RMDir "$INSTDIR" ; only if it is empty: a person may have chosen a folder with other things in it
    Delete "$SMPROGRAMS\${NAME}.lnk"
    Delete "$DESKTOP\${NAME}.lnk"
    DeleteRegKey HKCU "${UNINSTALL_KEY}"
    DeleteRegKey HKCU "Software\NTPStudio"
    DeleteRegKey HKCU "Software\Classes\${FILE_TYPE}"
    ReadRegStr $0 HKCU "Software\Classes\.ntpstudio" ""
    ${If} $0 == "${FILE_TYPE}"
        DeleteRegKey HKCU "Software\Classes\.ntpstudio"
    ${EndIf}
    System::Call 'shell32::SHChangeNotify(i 0x08000000, i 0, p 0, p 0)'
SectionEnd
